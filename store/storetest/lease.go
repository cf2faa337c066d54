package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var leaseCases = cases{
	"of many servers one gets a source": func(t *testing.T, s *store.Store) {
		src := newWorld(t, s, here).source("ops")
		var got atomic.Int64
		var all sync.WaitGroup
		for _, owner := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			all.Go(func() {
				if s.SystemBeginSync(t.Context(), src.ID, owner, t0) == nil {
					got.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, got.Load())
	},
	"a source that is leased is nobody's to sync, whoever asks": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
		require.NoError(t, s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerWebhook, t0))
		require.Empty(t, w.due(t0))
		requireCode(t, crontopus.CodeConflict, s.SystemBeginSync(t.Context(), src.ID, "b", t0.Add(59*time.Second)))
		requireCode(t, crontopus.CodeConflict, s.SystemRenewLease(t.Context(), src.ID, "b", t0))
		requireCode(t, crontopus.CodeConflict, s.SystemAbandonSync(t.Context(), src.ID, "b", t0))
		o := w.outcome(src, "backup")
		o.Owner = "b"
		requireCode(t, crontopus.CodeConflict, s.FinishSync(t.Context(), here, src.ID, o))
		require.Empty(t, w.desired())
		o.Owner = "a"
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.Equal(t, []string{"ops"}, w.due(t0), "what was asked for meanwhile")
		requireCode(t, crontopus.CodeConflict, s.FinishSync(t.Context(), here, src.ID, o))
	},
	"a lease lasts as long as it is renewed": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
		require.NoError(t, s.SystemRenewLease(t.Context(), src.ID, "a", t0.Add(50*time.Second)))
		require.Empty(t, w.due(t0.Add(109*time.Second)))
		require.Equal(t, []string{"ops"}, w.due(t0.Add(110*time.Second)), "after a minute of silence")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "b", t0.Add(110*time.Second)))
		requireCode(t, crontopus.CodeConflict, s.SystemRenewLease(t.Context(), src.ID, "a", t0.Add(111*time.Second)))
	},
	"a lease of a clock that was ahead holds nobody up": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0.AddDate(1, 0, 0)))
		require.Equal(t, []string{"ops"}, w.due(t0))
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "b", t0))
		require.Empty(t, w.due(t0), "the lease of today is one")
		requireCode(t, crontopus.CodeConflict, s.SystemRenewLease(t.Context(), src.ID, "a", t0))
		requireCode(t, crontopus.CodeConflict, s.SystemBeginSync(t.Context(), src.ID, "c", t0.Add(-30*time.Second)))
	},
	"a sync that is given up is tried again for the reason that it had": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		again := func() string {
			require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
			require.NoError(t, s.SystemAbandonSync(t.Context(), src.ID, "a", t0))
			require.NotNil(t, w.get("ops").RequestedAt)
			return w.get("ops").RequestedBy
		}
		require.Equal(t, crontopus.TriggerManual, again(), "a new source")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
		w.finishAs(src, "a")
		require.Equal(t, crontopus.TriggerPoll, again())
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
		w.finishAs(src, "a")
		require.NoError(t, s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerRepair, t0))
		require.Equal(t, crontopus.TriggerRepair, again())
	},
	"a sync that is given up is due at once": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "a", t0))
		require.NoError(t, s.SystemAbandonSync(t.Context(), src.ID, "a", t0))
		require.Equal(t, []string{"ops"}, w.due(t0))
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "b", t0))
	},
}
