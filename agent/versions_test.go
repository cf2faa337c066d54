package agent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// ServerVersion makes headquarters one version newer than the daemons of these tests.
func (h *headquarters) ServerVersion() string { return "v2" }

// A job with a field that only a newer agent knows is not run by half: the bundle is refused,
// the last good one stays, and both versions are named.
func TestABundleThatOnlyANewerAgentUnderstands(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "backup")
		require.Equal(t, []string{"backup"}, d.table.names())

		newer := d.bundle(2, "backup", "report")
		data, err := json.Marshal(newer)
		require.NoError(t, err)
		var payload map[string]any
		require.NoError(t, json.Unmarshal(data, &payload))
		payload["jobs"].([]any)[1].(map[string]any)["spec"].(map[string]any)["onlyOnSundays"] = true
		payload["jobsDigest"] = strings.Repeat("5", 64) // of jobs with that field
		d.server.publish("2", d.sign(payload))
		d.settle()
		require.Equal(t, []string{"backup"}, d.table.names())
		refused := d.server.lastReport(t).Refused
		require.Equal(t, crontopus.RefusedMalformed, refused.Code)
		require.Contains(t, refused.Message, "the server is version v2, this agent v1; update the older one")
	})
}
