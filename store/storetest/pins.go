package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// applied ends a sync that left a revision in force.
func (w world) applied(src crontopus.Source, id, revision, reason string, after time.Duration) {
	o := w.outcome(src)
	o.Desired = nil
	o.Sync.ID, o.Sync.Revision, o.Sync.Reason, o.Sync.Started = id, revision, reason, t0.Add(after)
	o.Sync.Trigger = crontopus.TriggerWebhook
	if o.Sync.Applied() {
		o.Status.LastAppliedRevision = revision
	} else {
		o.Status.LastAppliedRevision = w.get(src.Name).Status.LastAppliedRevision
	}
	require.NoError(w.t, w.s.FinishSync(w.t.Context(), w.tenant, src.ID, o))
}

// audited is the newest row of the audit log.
func (w world) audited() [2]string {
	log, _, err := w.s.Audit(w.t.Context(), w.tenant, crontopus.Page{Limit: 1})
	require.NoError(w.t, err)
	return [2]string{log[0].Action, log[0].Detail}
}

var pinCases = cases{
	"a pin asks for the sync that carries it out, and is written down": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		w.sync(src, "backup")
		requireCode(t, crontopus.CodeConflict, s.UnpinSource(t.Context(), here, actor, "ops", t0))
		require.NoError(t, s.PinSource(t.Context(), here, actor, "ops", "aaaaaaa", t0))
		require.Equal(t, "aaaaaaa", w.get("ops").Pinned)
		require.Equal(t, crontopus.TriggerManual, w.get("ops").RequestedBy)
		require.NotNil(t, w.get("ops").RequestedAt)
		require.Equal(t, [2]string{"source.pin", "aaaaaaa"}, w.audited())
		require.NoError(t, s.UnpinSource(t.Context(), here, actor, "ops", t0))
		require.Empty(t, w.get("ops").Pinned)
		require.Equal(t, [2]string{"source.unpin", "aaaaaaa"}, w.audited())
	},
	"what was written short becomes the whole hash, once it is known": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		o := w.outcome(src)
		o.Desired, o.Pinned = nil, "aaaaaaabbb"
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.Empty(t, w.get("ops").Pinned, "unpinned meanwhile")
		require.NoError(t, s.PinSource(t.Context(), here, actor, "ops", "aaaaaaa", t0))
		o.Sync.ID = ""
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.Equal(t, "aaaaaaabbb", w.get("ops").Pinned)
		require.NoError(t, s.PinSource(t.Context(), here, actor, "ops", "ccccccc", t0))
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.Equal(t, "ccccccc", w.get("ops").Pinned, "pinned to another meanwhile")
	},
	"each rollback goes one revision further back": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		back := func(to string) (string, error) { return s.RollbackSource(t.Context(), here, actor, "ops", to, t0) }
		_, err := back("")
		requireCode(t, crontopus.CodeConflict, err)
		w.applied(src, "s1", "main@sha1:aaaa1", crontopus.ReasonSynced, 1)
		_, err = back("")
		requireCode(t, crontopus.CodeConflict, err)
		w.applied(src, "s2", "main@sha1:bbbb1", crontopus.ReasonSynced, 2)
		w.applied(src, "s3", "main@sha1:bad", crontopus.ReasonValidationFailed, 3)
		w.applied(src, "s4", "main@sha1:cccc1", crontopus.ReasonSynced, 4)
		w.applied(src, "s5", "main@sha1:cccc1", crontopus.ReasonSynced, 5)

		for i, want := range []string{"bbbb1", "aaaa1"} {
			revision, err := back("")
			require.NoError(t, err)
			require.Equal(t, "main@sha1:"+want, revision)
			require.Equal(t, want, w.get("ops").Pinned)
			require.Equal(t, [2]string{"source.rollback", revision}, w.audited())
			w.applied(src, "back to "+want, revision, crontopus.ReasonPinned, time.Duration(10+i))
		}
		_, err = back("")
		requireCode(t, crontopus.CodeConflict, err)
		require.Equal(t, "aaaa1", w.get("ops").Pinned, "as it was")
	},
	"a rollback by name": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		for i, revision := range []string{"main@sha1:aaaa1", "main@sha1:aaaa2", "main@sha1:bbbb1"} {
			w.applied(src, "s"+revision[10:], revision, crontopus.ReasonSynced, time.Duration(i))
		}
		w.applied(src, "refused", "main@sha1:cccc1", crontopus.ReasonValidationFailed, 9)
		for to, want := range map[string]string{"saaaa1": "main@sha1:aaaa1", "aaaa2": "main@sha1:aaaa2", "main@sha1:bb": "main@sha1:bbbb1"} {
			revision, err := s.RollbackSource(t.Context(), here, actor, "ops", to, t0)
			require.NoError(t, err)
			require.Equal(t, want, revision)
		}
		for to, code := range map[string]string{"aaaa": crontopus.CodeConflict, "cccc1": crontopus.CodeNotFound, "refused": crontopus.CodeNotFound, "dev@sha1:aaaa1": crontopus.CodeNotFound} {
			_, err := s.RollbackSource(t.Context(), here, actor, "ops", to, t0)
			requireCode(t, code, err)
		}
	},
}
