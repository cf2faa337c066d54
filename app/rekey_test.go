package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/pgtest"
)

func boxKey(t *testing.T, data string) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(data, "keys", "box.key"))
	require.NoError(t, err)
	return string(key)
}

func TestTheKeyThatSealsCredentialsIsAnother(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := start(t, data)
	withJob(t, r.Client) // its source has a webhook secret
	require.NoError(t, r.SetSecret(t.Context(), wire.SecretInput{Name: "slack", Value: "hunter2"}))
	_, err := app.Rekey(t.Context(), at(data), quiet)
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err), "the server runs")
	r.stop()
	old := boxKey(t, data)
	n, err := app.Rekey(t.Context(), at(data), quiet)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NotEqual(t, old, boxKey(t, data))
	require.NoFileExists(t, filepath.Join(data, "keys", "box.next"))

	r = start(t, data)
	before, err := r.Syncs(t.Context(), "fleet", crontopus.Page{})
	require.NoError(t, err)
	require.NoError(t, r.SyncSource(t.Context(), "fleet"))
	until(t, "the source's credentials open, so that it is synced again", func() bool {
		syncs, err := r.Syncs(t.Context(), "fleet", crontopus.Page{})
		return err == nil && syncs.Items[0].ID != before.Items[0].ID && syncs.Items[0].Reason == crontopus.ReasonSynced
	})
	list, err := r.Secrets(t.Context())
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
}

// A kill leaves the new key beside the old one: before the database holds anything of it, or after.
func TestAChangeOfTheKeyThatBrokeOffIsFinished(t *testing.T) {
	for situation, sealed := range map[string]bool{"before the database was changed": false, "after": true} {
		t.Run(situation, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			r := start(t, data)
			require.NoError(t, r.SetSecret(t.Context(), wire.SecretInput{Name: "slack", Value: "hunter2"}))
			r.stop()
			file := func(name string) string { return filepath.Join(data, "keys", name) }
			next := "00000000000000000000000000000000000000000000000000000000000000ff\n"
			require.NoError(t, os.WriteFile(file("box.next"), []byte(next), 0o600))
			if sealed {
				copyFile(t, file("box.key"), file("old"))
				_, err := app.Rekey(t.Context(), at(data), quiet)
				require.NoError(t, err)
				require.NoError(t, os.Rename(file("box.key"), file("box.next"))) // as if it had not come to that
				require.NoError(t, os.Rename(file("old"), file("box.key")))
			}
			_, hint := refused(t, at(data))
			require.Contains(t, hint, "crontopus keys rekey")
			n, err := app.Rekey(t.Context(), at(data), quiet)
			require.NoError(t, err)
			if sealed {
				require.Zero(t, n)
			} else {
				require.Equal(t, 1, n)
			}
			require.Equal(t, next, boxKey(t, data))
			r = start(t, data)
			require.NoError(t, r.SetSecret(t.Context(), wire.SecretInput{Name: "slack", Value: "hunter3"}))
		})
	}
}

func TestOtherServersNeedTheNewKey(t *testing.T) {
	first := options(t)
	first.Database = pgtest.Database(t)
	a := open(t, first)
	require.NoError(t, run(t, a)())
	second := options(t)
	second.Database = first.Database
	copyKeys(t, first, second)
	_, err := app.Rekey(t.Context(), first, quiet)
	require.NoError(t, err)
	message, hint := refused(t, second)
	require.Contains(t, message, "sealed with another key")
	require.Contains(t, hint, "copy keys/box.key")
	copyKeys(t, first, second)
	b := open(t, second)
	require.NoError(t, run(t, b)())
	_, err = app.Rekey(t.Context(), at(t.TempDir()), quiet)
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err), "there is no server's folder")
}
