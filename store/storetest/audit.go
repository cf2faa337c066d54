package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// actions returns what was noted, the oldest first.
func (w world) actions() (list []string) {
	entries, _, err := w.s.Audit(w.t.Context(), w.tenant, crontopus.Page{})
	require.NoError(w.t, err)
	for i := len(entries) - 1; i >= 0; i-- {
		require.Equal(w.t, actor, entries[i].Actor)
		require.False(w.t, entries[i].At.IsZero())
		list = append(list, entries[i].Action+" "+entries[i].Object)
	}
	return list
}

var auditCases = cases{
	"every change that a person makes is noted, and nothing else": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey("k1"), hash("a")))
		require.NoError(t, s.RevokeAPIKey(t.Context(), here, actor, "k1"))
		src := w.source("ops")
		require.NoError(t, s.RequestSync(t.Context(), here, actor, "ops", t0))
		require.NoError(t, s.SystemRequestSync(t.Context(), src.ID, crontopus.TriggerWebhook, t0))
		require.NoError(t, s.SystemBeginSync(t.Context(), src.ID, "", t0))
		held := w.outcome(src)
		held.Desired, held.Status.HeldPlan = nil, "abc"
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, held))
		require.NoError(t, s.ApprovePlan(t.Context(), here, actor, "ops", "abc"))
		require.NoError(t, s.SuspendSource(t.Context(), here, actor, "ops", true))
		require.NoError(t, s.SuspendSource(t.Context(), here, actor, "ops", false))
		w.sync(src, "backup")
		require.NoError(t, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		require.Equal(t, []string{
			"api-key.create k1", "api-key.revoke k1", "source.create ops", "source.sync ops",
			"source.approve ops", "source.suspend ops", "source.resume ops", "source.remove ops",
		}, w.actions())
	},
	"enrolling and revoking an agent": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token := crontopus.EnrollmentToken{ID: "e1", Uses: 1, CreatedAt: t0, ExpiresAt: t0.AddDate(1, 0, 0)}
		require.NoError(t, s.CreateEnrollmentToken(t.Context(), here, actor, token, hash("e1")))
		_, err := s.SystemEnroll(t.Context(), hash("e1"), candidate("db-01"), t0)
		require.NoError(t, err)
		_, err = s.RevokeAgent(t.Context(), here, actor, "db-01", t0)
		require.NoError(t, err)
		require.Equal(t, []string{"enrollment-token.create e1", "agent.revoke db-01"}, w.actions())
	},
	"a change that fails leaves no note": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		require.Error(t, s.RevokeAPIKey(t.Context(), here, actor, "nobody"))
		require.Error(t, s.ApprovePlan(t.Context(), here, actor, "nothing", "abc"))
		require.Empty(t, w.actions())
	},
	"secrets are never noted": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		w.source("ops")
		entries, _, err := s.Audit(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.NotContains(t, entries[0].Detail, "hunter2")
		require.NotContains(t, entries[0].Detail, "s3cret")
	},
}
