package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// sealed opens a database with a key of its own, and returns the key's box as well.
func sealed(t *testing.T, o store.Options, keyID string, key byte) (*store.Store, *store.Box) {
	t.Helper()
	box, err := store.NewBox(keyID, [32]byte{key})
	require.NoError(t, err)
	o.Box = box
	s, err := store.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, box
}

func TestCredentialsAreSealedWithAnotherKey(t *testing.T) {
	for engine, database := range map[string]func() store.Options{
		"SQLite":     func() store.Options { return options(t, filepath.Join(t.TempDir(), "crontopus.db")) },
		"PostgreSQL": func() store.Options { return urlOptions(t, pgtest.Database(t)) },
	} {
		t.Run(engine, func(t *testing.T) {
			o, ctx := database(), t.Context()
			was, oldBox := sealed(t, o, "old", 1)
			const tenant = crontopus.DefaultTenant
			secrets := crontopus.SourceSecrets{Username: "bot", Password: "hunter2"}
			require.NoError(t, was.SystemCreateTenant(ctx, crontopus.Tenant{ID: "other", Name: "other", CreatedAt: time.Now()}))
			for _, tenant := range []crontopus.TenantID{tenant, "other"} {
				require.NoError(t, was.CreateSource(ctx, tenant, "test", crontopus.Source{ID: "s" + string(tenant), Name: "ops"}, secrets))
				require.NoError(t, was.SetSecret(ctx, tenant, "test", "slack", []byte("hunter2")))
			}

			next, box := sealed(t, o, "new", 2)
			_, err := next.SourceSecrets(ctx, tenant, "sdefault")
			require.Error(t, err, "not yet")
			n, err := next.SystemRekey(ctx, oldBox)
			require.NoError(t, err)
			require.Equal(t, 4, n)
			got, err := next.SourceSecrets(ctx, "other", "sother")
			require.NoError(t, err)
			require.Equal(t, secrets, got)
			n, err = next.SystemRekey(ctx, oldBox)
			require.NoError(t, err)
			require.Zero(t, n, "all of them are")

			// A server that runs on with the old key stores nothing that nobody could open.
			_, err = was.SourceSecrets(ctx, tenant, "sdefault")
			require.Error(t, err)
			require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(was.SetSecret(ctx, tenant, "test", "mail", []byte("x"))))
			require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(was.CreateSource(ctx, tenant, "test", crontopus.Source{ID: "late", Name: "late"}, secrets)))
			require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(was.SystemAdoptBox(ctx)))
			require.NoError(t, next.SetSecret(ctx, tenant, "test", "mail", []byte("x")))

			third, _ := sealed(t, o, "third", 3)
			_, err = third.SystemRekey(ctx, oldBox)
			require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err), "they are not the old key's any more")
			n, err = third.SystemRekey(ctx, box)
			require.NoError(t, err)
			require.Equal(t, 5, n)
		})
	}
}

func TestNothingIsSealedAnewWhereOneCredentialDoesNotOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crontopus.db")
	was, oldBox := sealed(t, options(t, path), "old", 1)
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, was.SetSecret(t.Context(), crontopus.DefaultTenant, "test", name, []byte("hunter2")))
	}
	_, err := native(t, path).ExecContext(t.Context(), "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'a') WHERE name = 'b'")
	require.NoError(t, err)
	next, _ := sealed(t, options(t, path), "new", 2)
	_, err = next.SystemRekey(t.Context(), oldBox)
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))
	require.ErrorContains(t, err, `secrets "b" of the tenant default`)
	require.NotContains(t, err.Error(), "hunter2")
	require.NoError(t, was.DeleteSecret(t.Context(), crontopus.DefaultTenant, "test", "b"), "the old key is still the one")
	require.NoError(t, was.SetSecret(t.Context(), crontopus.DefaultTenant, "test", "b", []byte("again")))
	n, err := next.SystemRekey(t.Context(), oldBox)
	require.NoError(t, err)
	require.Equal(t, 3, n)
}
