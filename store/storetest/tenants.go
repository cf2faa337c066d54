package storetest

import (
	"testing"

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
