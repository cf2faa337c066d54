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

func TestCredentialsThatDoNotOpenAreReplacedAsAWhole(t *testing.T) {
	for engine, database := range map[string]func() store.Options{
		"SQLite":     func() store.Options { return options(t, filepath.Join(t.TempDir(), "crontopus.db")) },
		"PostgreSQL": func() store.Options { return urlOptions(t, pgtest.Database(t)) },
	} {
		t.Run(engine, func(t *testing.T) {
			o, ctx := database(), t.Context()
			const tenant = crontopus.DefaultTenant
			was, _ := sealed(t, o, "lost", 1)
			require.NoError(t, was.CreateSource(ctx, tenant, "test", crontopus.Source{ID: "s", Name: "ops", URL: "https://forge.example.com/a.git"},
				crontopus.SourceSecrets{Username: "bot", Password: "hunter2", WebhookSecret: "hush"}))
			next, _ := sealed(t, o, "new", 2)
			change := crontopus.SourceSecrets{Password: "hunter3"}
			whole := crontopus.SourceSecrets{Password: "hunter3", WebhookSecret: "another"}

			replaced, err := next.ChangeSourceSecrets(ctx, tenant, "test", "ops", change, whole, time.Now())
			require.NoError(t, err)
			require.True(t, replaced)
			got, err := next.SourceSecrets(ctx, tenant, "s")
			require.NoError(t, err)
			require.Equal(t, whole, got)
			log, _, err := next.Audit(ctx, tenant, crontopus.Page{Limit: 1})
			require.NoError(t, err)
			require.Equal(t, "password, webhook secret", log[0].Detail)

			replaced, err = next.ChangeSourceSecrets(ctx, tenant, "test", "ops", crontopus.SourceSecrets{Username: "bot"}, crontopus.SourceSecrets{}, time.Now())
			require.NoError(t, err)
			require.False(t, replaced, "they open")
			got, err = next.SourceSecrets(ctx, tenant, "s")
			require.NoError(t, err)
			require.Equal(t, crontopus.SourceSecrets{Username: "bot", Password: "hunter3", WebhookSecret: "another"}, got)
		})
	}
}

func TestAServerWithTheKeyOfBeforeChangesNoCredentials(t *testing.T) {
	o := options(t, filepath.Join(t.TempDir(), "crontopus.db"))
	const tenant = crontopus.DefaultTenant
	was, oldBox := sealed(t, o, "old", 1)
	require.NoError(t, was.CreateSource(t.Context(), tenant, "test", crontopus.Source{ID: "s", Name: "ops"}, crontopus.SourceSecrets{Password: "hunter2"}))
	next, _ := sealed(t, o, "new", 2)
	_, err := next.SystemRekey(t.Context(), oldBox)
	require.NoError(t, err)
	late := func(s *store.Store) error {
		change := crontopus.SourceSecrets{Password: "hunter3"}
		_, err := s.ChangeSourceSecrets(t.Context(), tenant, "test", "ops", change, change, time.Now())
		return err
	}
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(late(was)), "nobody could open them")
	got, err := next.SourceSecrets(t.Context(), tenant, "s")
	require.NoError(t, err)
	require.Equal(t, "hunter2", got.Password)

	require.Contains(t, crontopus.ErrorHint(late(was)), "UPDATE installation SET box_key = ''", "for who has lost the new key")
	_, err = native(t, o.Path).ExecContext(t.Context(), "UPDATE installation SET box_key = ''")
	require.NoError(t, err)
	require.NoError(t, late(was))
	got, err = was.SourceSecrets(t.Context(), tenant, "s")
	require.NoError(t, err)
	require.Equal(t, "hunter3", got.Password)
}
