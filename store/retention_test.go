package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// A run that was answered is kept, whatever its host's clock says.
func TestARunIsNotOldBecauseItsHostsClockIsBehind(t *testing.T) {
	const keep = 90 * 24 * time.Hour
	o := options(t, filepath.Join(t.TempDir(), "crontopus.db"))
	o.Keep = keep
	s, err := store.Open(t.Context(), o)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Furnish(t, s, crontopus.DefaultTenant)
	var told []crontopus.CheckIn
	for _, behind := range []time.Duration{0, 20 * 24 * time.Hour, 100 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		c := success(uuid.NewString())
		c.At = c.At.Add(-behind)
		told = append(told, c)
	}
	results, err := s.RecordCheckIns(t.Context(), crontopus.DefaultTenant, "", told)
	require.NoError(t, err)
	for _, failed := range results {
		require.NoError(t, failed)
	}
	_, err = s.SystemPruneRuns(t.Context(), time.Now().Add(-keep), 0)
	require.NoError(t, err)
	for _, c := range told {
		run, err := s.Run(t.Context(), crontopus.DefaultTenant, c.RunID)
		require.NoError(t, err)
		require.WithinDuration(t, c.At, *run.Finished, time.Millisecond, "what the host says stays")
	}
	deleted, err := s.SystemPruneRuns(t.Context(), time.Now().Add(-keep/9), 0)
	require.NoError(t, err)
	require.Positive(t, deleted, "one of twenty days ago stands there")
}
