package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// BenchmarkRecordCheckIns is one group commit of finished runs: what bounds how many
// check-ins a server takes.
func BenchmarkRecordCheckIns(b *testing.B) {
	const batch = 500
	s := openAt(b, filepath.Join(b.TempDir(), "crontopus.db"))
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	name := crontopus.JobName{Namespace: "default", Name: "backup"}
	j := crontopus.Job{Metadata: crontopus.Metadata{Namespace: name.Namespace, Name: name.Name}}
	require.NoError(b, s.CreateSource(b.Context(), crontopus.DefaultTenant, "me", crontopus.Source{ID: "1", Name: "ops"}, crontopus.SourceSecrets{}))
	require.NoError(b, s.FinishSync(b.Context(), crontopus.DefaultTenant, "1", crontopus.SyncOutcome{
		Sync: crontopus.Sync{ID: "1"}, Desired: &crontopus.DesiredState{Jobs: []crontopus.DesiredJob{{Job: j, SourceID: "1"}}}}))
	list := make([]crontopus.CheckIn, batch)
	for b.Loop() {
		for i := range list {
			list[i] = crontopus.CheckIn{RunID: uuid.NewString(), Job: name, Event: crontopus.EventSuccess, At: time.Now(), Output: make([]byte, 200)}
		}
		_, err := s.RecordCheckIns(b.Context(), crontopus.DefaultTenant, "", list)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "check-ins/s")
}
