package agent

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// Were it otherwise, runs would find their jobs still, but later.
func TestAJobBeginsAsItIsWritten(t *testing.T) {
	job := crontopus.Job{
		APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob,
		Metadata: crontopus.Metadata{Name: "nightly", Namespace: "production"},
	}
	written, err := json.Marshal(job)
	require.NoError(t, err)
	require.Contains(t, string(written), string(beginning(job.Name())))

	bundle, err := json.Marshal(crontopus.Bundle{Jobs: []crontopus.Job{job}, Revisions: map[string]string{}})
	require.NoError(t, err)
	require.Contains(t, string(bundle), `],"revisions":{`)
}
