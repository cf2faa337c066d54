package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

func apiKey(id string) crontopus.APIKey {
	return crontopus.APIKey{ID: id, Tenant: here, Name: "ci", Role: crontopus.RoleOperator, CreatedAt: t0}
}

var apiKeyCases = cases{
	"a key is found by its secret's hash until it is revoked": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey("k1"), hash("secret")))
		got, err := s.SystemAPIKey(t.Context(), hash("secret"))
		require.NoError(t, err)
		require.Equal(t, apiKey("k1"), got)
		_, err = s.SystemAPIKey(t.Context(), hash("guess"))
		requireCode(t, crontopus.CodeNotFound, err)

		require.NoError(t, s.RevokeAPIKey(t.Context(), here, actor, "k1"))
		require.NoError(t, s.RevokeAPIKey(t.Context(), here, actor, "k1"), "again")
		_, err = s.SystemAPIKey(t.Context(), hash("secret"))
		requireCode(t, crontopus.CodeNotFound, err)
		list, _, err := s.APIKeys(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NotNil(t, list[0].RevokedAt)
	},
	"a role that is none is refused": func(t *testing.T, s *store.Store) {
		k := apiKey("k1")
		k.Role = "root"
		requireCode(t, crontopus.CodeInvalid, s.CreateAPIKey(t.Context(), here, actor, k, hash("secret")))
	},
	"an id or a secret exists once": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey("k1"), hash("a")))
		requireCode(t, crontopus.CodeConflict, s.CreateAPIKey(t.Context(), here, actor, apiKey("k1"), hash("b")))
		requireCode(t, crontopus.CodeConflict, s.CreateAPIKey(t.Context(), here, actor, apiKey("k2"), hash("a")))
	},
	"revoking a key that is not there says so": func(t *testing.T, s *store.Store) {
		requireCode(t, crontopus.CodeNotFound, s.RevokeAPIKey(t.Context(), here, actor, "nobody"))
	},
	"pages go on where they ended, whatever came or went": func(t *testing.T, s *store.Store) {
		for i := range 7 {
			id := fmt.Sprintf("k%d", i)
			require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey(id), hash(id)))
		}
		var seen []string
		for page := (crontopus.Page{Limit: 3}); ; {
			list, next, err := s.APIKeys(t.Context(), here, page)
			require.NoError(t, err)
			for _, k := range list {
				seen = append(seen, k.ID)
			}
			if next == "" {
				break
			}
			early := "a" + next[:4]
			require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey(early+fmt.Sprint(len(seen))), hash(fmt.Sprint(len(seen)))))
			page.After = next
		}
		require.Equal(t, []string{"k0", "k1", "k2", "k3", "k4", "k5", "k6"}, seen)
	},
	"a cursor that is none of ours is refused": func(t *testing.T, s *store.Store) {
		for _, after := range []string{"x", "!!", "bm90IGpzb24"} {
			_, _, err := s.APIKeys(t.Context(), here, crontopus.Page{After: after})
			requireCode(t, crontopus.CodeInvalid, err)
		}
	},
	"an exactly full page is the last": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey("k1"), hash("a")))
		list, next, err := s.APIKeys(t.Context(), here, crontopus.Page{Limit: 1})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Empty(t, next)
	},
}
