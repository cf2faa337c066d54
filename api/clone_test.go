package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// Two hosts that run from copies of one state folder report in turns.
func TestACloneIsLoggedAndShown(t *testing.T) {
	s := newServer(t)
	agent, admin := s.asAgent(), s.as(crontopus.RoleAdmin)
	const warning = "two hosts use the identity of one agent"
	for i, c := range []struct {
		instance string
		warnings int
	}{{"one", 0}, {"one", 0}, {"two", 0}, {"one", 1}, {"one", 1}, {"two", 2}} {
		require.NoError(t, agent.Report(t.Context(), crontopus.AgentReport{At: time.Now(), Instance: crontopus.Instance{Name: c.instance}}))
		require.Equal(t, c.warnings, strings.Count(s.log.String(), warning), "report %d", i)
		shown, err := admin.Agent(t.Context(), "db-01")
		require.NoError(t, err)
		require.Equal(t, c.warnings > 0, shown.Status.Report.Instance.ClonedAt != nil)
	}
}
