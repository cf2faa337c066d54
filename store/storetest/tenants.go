package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var tenantCases = cases{
	"a new store has an installation and the default tenant": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.Ping(t.Context()))
		i, err := s.SystemInstallation(t.Context())
		require.NoError(t, err)
		require.NoError(t, uuid.Validate(i.ID))
		require.EqualValues(t, 1, i.Epoch)
		_, _, err = s.AgentsAt(t.Context(), here)
		require.NoError(t, err)
	},
	"a new epoch is higher than any before, and every agent's bundle is compiled in it": func(t *testing.T, s *store.Store) {
		var marked []string
		for _, tenant := range []crontopus.TenantID{here, there} {
			w := newWorld(t, s, tenant)
			a := w.agent("db-01")
			marked = append(marked, a.ID)
			marks, err := s.SystemMarked(t.Context(), "", 10)
			require.NoError(t, err)
			require.NoError(t, s.CommitPublications(t.Context(), tenant, 0, nil, marks))
		}
		marks, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		require.Empty(t, marks)

		before, err := s.SystemInstallation(t.Context())
		require.NoError(t, err)
		raised, err := s.SystemRaiseEpoch(t.Context(), t0)
		require.NoError(t, err)
		require.Equal(t, crontopus.Installation{ID: before.ID, Epoch: t0.Unix()}, raised)
		now, err := s.SystemInstallation(t.Context())
		require.NoError(t, err)
		require.Equal(t, raised, now)
		marks, err = s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		require.Len(t, marks, 2)
		for _, m := range marks {
			require.Contains(t, marked, m.AgentID)
		}

		for _, m := range marks {
			require.NoError(t, s.CommitPublications(t.Context(), m.Tenant, 0, nil, []crontopus.Mark{m}))
		}
		require.NoError(t, s.SystemMarkAll(t.Context()), "as a new signing key does")
		marks, err = s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		require.Len(t, marks, 2)

		again, err := s.SystemRaiseEpoch(t.Context(), t0.Add(-time.Hour)) // the clock was set back
		require.NoError(t, err)
		require.Equal(t, raised.Epoch+1, again.Epoch)
	},
	"making a tenant twice is making it once": func(t *testing.T, s *store.Store) {
		newWorld(t, s, there)
		newWorld(t, s, there)
	},
	"a tenant that does not exist has nothing and takes nothing": func(t *testing.T, s *store.Store) {
		_, _, err := s.AgentsAt(t.Context(), there)
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.DesiredSet(t.Context(), there)
		requireCode(t, crontopus.CodeNotFound, err)
		err = s.CreateAPIKey(t.Context(), there, actor, crontopus.APIKey{ID: "k", Role: crontopus.RoleViewer}, hash("k"))
		requireCode(t, crontopus.CodeNotFound, err)
	},
}
