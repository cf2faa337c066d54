package app_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/pgtest"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// backup makes a backup of a data folder and returns its file.
func backup(t *testing.T, data string, withKeys bool) (string, *app.Backup) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "crontopus.backup")
	b, err := app.CreateBackup(t.Context(), data, file, withKeys, "v1.2.3", now)
	require.NoError(t, err)
	return file, b
}

func restore(t *testing.T, data, file string, replace bool) (*app.Restored, error) {
	t.Helper()
	return app.RestoreBackup(t.Context(), data, file, replace, now, slog.New(slog.DiscardHandler))
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestABackupOfARunningServerIsRestoredElsewhere(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := start(t, data)
	file, b := backup(t, data, true)
	require.EqualValues(t, 1, b.Database.Installation.Epoch)
	require.EqualValues(t, 1, b.Database.Rows["api_keys"])
	require.Equal(t, []string{"crontopus.backup"}, names(t, filepath.Dir(file)), "nothing is left beside it")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	verified, err := app.VerifyBackup(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, b, verified)
	server.stop()

	elsewhere := filepath.Join(t.TempDir(), "data")
	r, err := restore(t, elsewhere, file, false)
	require.NoError(t, err)
	require.Equal(t, now.Unix(), r.Epoch)
	require.Empty(t, r.Missing)
	require.Empty(t, r.Kept)
	require.Equal(t, []string{"crontopus.db", "keys", "lock"}, names(t, elsewhere))
	require.NotContains(t, names(t, filepath.Join(elsewhere, "keys")), "recovery.pem", "it belongs offline")
	for _, key := range []string{"signing.pem", "recovery.pub", "box.key"} {
		was, err := os.ReadFile(filepath.Join(data, "keys", key))
		require.NoError(t, err)
		is, err := os.ReadFile(filepath.Join(elsewhere, "keys", key))
		require.NoError(t, err)
		require.Equal(t, was, is)
	}
	admin, err := os.ReadFile(filepath.Join(data, "admin.key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "admin.key"), admin, 0o600)) // for start; the key itself is in the database
	who, err := start(t, elsewhere).Whoami(t.Context())
	require.NoError(t, err)
	require.Equal(t, "admin", who.Name)
}

func TestABackupNeverReplacesAFile(t *testing.T) {
	t.Parallel()
	data := made(t)
	file, _ := backup(t, data, false)
	was, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = app.CreateBackup(t.Context(), data, file, false, "v1.2.3", now)
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))
	is, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, was, is)

}

// The data folder of a server on PostgreSQL has no database, either.
func TestABackupOfAFolderWithoutDatabaseSaysWhereToLook(t *testing.T) {
	t.Parallel()
	data, there := t.TempDir(), t.TempDir()
	_, err := app.CreateBackup(t.Context(), data, filepath.Join(there, "b"), false, "v1.2.3", now)
	require.ErrorContains(t, err, "there is no crontopus.db in "+data)
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	require.Contains(t, crontopus.ErrorHint(err), "--data DIR; a PostgreSQL database is saved with pg_dump")
	require.Empty(t, names(t, there))
	_, err = app.CreateBackup(t.Context(), filepath.Join(made(t), "lock"), filepath.Join(there, "b"), false, "v1.2.3", now)
	require.Contains(t, crontopus.ErrorHint(err), "run as the server's user", "it is no folder")
}

// Whatever happens to a single byte or to the end of a backup, no restore goes wrong for it.
func TestVerifyFindsWhatHappenedToABackup(t *testing.T) {
	t.Parallel()
	file, _ := backup(t, made(t), true)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	check := func(raw []byte) error {
		damaged := filepath.Join(t.TempDir(), "damaged")
		require.NoError(t, os.WriteFile(damaged, raw, 0o600))
		_, err := app.VerifyBackup(t.Context(), damaged)
		return err
	}
	require.NoError(t, check(good))
	for _, length := range []int{0, 100, 600, 3000, len(good) / 2} {
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(check(good[:length])), "%d bytes", length)
	}
	for _, at := range []int{len(good) / 3, len(good) / 2, bytes.Index(good, []byte("PRIVATE KEY")), bytes.Index(good, []byte(`"sha256"`)) + 14} {
		raw := bytes.Clone(good)
		raw[at] ^= 1
		require.Error(t, check(raw), "byte %d", at)
	}
	for _, c := range []struct{ old, new string }{
		{"keys/box.key", "keys/../../k"},
		{"keys/box.key", "crontopus.dx"},
		{`"format": 1`, `"format": 2`},
		{`"epoch": 1`, `"epoch": 2`},
	} {
		raw := bytes.ReplaceAll(good, []byte(c.old), []byte(c.new))
		require.NotEqual(t, good, raw, c.old)
		require.Error(t, check(raw), c.new)
	}
	_, err = app.VerifyBackup(t.Context(), filepath.Join(t.TempDir(), "none"))
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
}

func TestRestoreRefusesAServersFolderAndAFullOne(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	server := start(t, data)
	file, b := backup(t, data, false)

	_, err := restore(t, data, file, true)
	require.ErrorContains(t, err, "another server already uses the data folder", "not even when told to replace")
	server.stop()
	before := names(t, data)
	_, err = restore(t, data, file, false)
	require.ErrorContains(t, err, "is not empty")
	require.Equal(t, before, names(t, data))

	damaged := filepath.Join(t.TempDir(), "damaged")
	require.NoError(t, os.WriteFile(damaged, []byte("no backup"), 0o600))
	_, err = restore(t, data, damaged, true)
	require.ErrorContains(t, err, "not a whole backup")
	require.Equal(t, before, names(t, data))

	// What is replaced is kept, and the keys stay where they are: the backup has none.
	r, err := restore(t, data, file, true)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(data, "replaced-20261123T120000.000Z"), r.Kept)
	require.Contains(t, names(t, r.Kept), "crontopus.db")
	require.NotContains(t, names(t, r.Kept), "keys")
	require.Empty(t, r.Missing)
	require.Greater(t, r.Epoch, b.Database.Installation.Epoch)
	start(t, data)
}

// What is put back is the old keys: a server that made others would be one that no agent knows.
func TestABackupWithoutKeysStartsOnceTheKeysAreBack(t *testing.T) {
	t.Parallel()
	was := made(t)
	file, b := backup(t, was, false)
	require.False(t, b.HasKeys())
	o := options(t)
	keys := filepath.Join(o.Data, "keys")
	require.NoError(t, os.MkdirAll(keys, 0o700)) // keys may be there before
	r, err := restore(t, o.Data, file, false)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(keys, "signing.pem"), filepath.Join(keys, "keyset.json"), filepath.Join(keys, "box.key"), filepath.Join(keys, "recovery.pub")}, r.Missing)

	for _, name := range []string{"box.key", "recovery.pub", "signing.pem"} {
		there := names(t, keys)
		message, hint := refused(t, o)
		require.Contains(t, message, "whose keys are not here: "+filepath.Join(keys, name)+" is missing")
		require.Contains(t, hint, "copy box.key, recovery.pub, signing.pem, keyset.json from")
		require.Equal(t, there, names(t, keys), "it made no keys")
		copyFile(t, filepath.Join(was, "keys", name), filepath.Join(keys, name))
	}
	require.NoError(t, run(t, open(t, o))())
	require.NotContains(t, names(t, keys), "recovery.pem")
}

func TestABackupRestoredTwiceBeginsTwoEpochs(t *testing.T) {
	t.Parallel()
	file, _ := backup(t, made(t), true)
	first, err := app.RestoreBackup(t.Context(), filepath.Join(t.TempDir(), "a"), file, false, now, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	second, err := app.RestoreBackup(t.Context(), filepath.Join(t.TempDir(), "b"), file, false, now.Add(time.Hour), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Greater(t, second.Epoch, first.Epoch)
}

func TestRaiseEpoch(t *testing.T) {
	t.Parallel()
	o := app.Defaults()
	o.Data = made(t)
	epoch, err := app.RaiseEpoch(t.Context(), o, now, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, now.Unix(), epoch)
	o.Data = t.TempDir()
	_, err = app.RaiseEpoch(t.Context(), o, now, slog.New(slog.DiscardHandler))
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	require.Empty(t, names(t, o.Data))
}

// The documented way for PostgreSQL: pg_dump, pg_restore, then a new epoch.
func TestAPostgreSQLThatWasRestoredBeginsANewEpoch(t *testing.T) {
	t.Parallel()
	o := at(filepath.Join(t.TempDir(), "data"))
	o.Listen, o.Database = "127.0.0.1:0", pgtest.Database(t)
	schema := pgtest.Name(t, o.Database)
	superuser := strings.ReplaceAll(pgtest.As(t, o.Database, "postgres"), "search_path="+schema, "") // which only pgx knows
	a, err := app.New(t.Context(), o, "v1.2.3", quiet)
	require.NoError(t, err)
	stop := run(t, a)
	dump := filepath.Join(t.TempDir(), "crontopus.dump")
	tool := func(name string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, append(args, "--schema="+schema, "--dbname="+superuser)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	tool("pg_dump", "--format=custom", "--file="+dump)
	made, err := admin(t, a, o).CreateAPIKey(t.Context(), wire.KeyInput{Name: "later", Role: crontopus.RoleViewer})
	require.NoError(t, err)
	require.NoError(t, stop())

	tool("pg_restore", "--clean", "--if-exists", "--single-transaction", dump)
	epoch, err := app.RaiseEpoch(t.Context(), o, now, quiet)
	require.NoError(t, err)
	require.Equal(t, now.Unix(), epoch)
	a, err = app.New(t.Context(), o, "v1.2.3", quiet)
	require.NoError(t, err)
	run(t, a)
	keys, err := admin(t, a, o).APIKeys(t.Context(), crontopus.Page{})
	require.NoError(t, err)
	require.Len(t, keys.Items, 1)
	require.NotEqual(t, made.Key.ID, keys.Items[0].ID)
}
