package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
)

var quiet = slog.New(slog.DiscardHandler)

func at(data string) app.Options {
	o := app.Defaults()
	o.Data, o.Listen = data, "127.0.0.1:0"
	return o
}

func ids(set crontopus.KeySet) (list []string) {
	for _, k := range set.Keys {
		list = append(list, k.ID)
	}
	return list
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600))
}

func TestASigningKeysLife(t *testing.T) {
	t.Parallel()
	data := made(t)
	first, err := app.KeySet(at(data))
	require.NoError(t, err)
	require.Equal(t, crontopus.KeySetVersion{Sequence: 1}, first.Version)
	require.Len(t, first.Keys, 1)

	rotated, err := app.RotateKey(t.Context(), at(data), now, quiet)
	require.NoError(t, err)
	require.Equal(t, crontopus.KeySetVersion{Sequence: 2}, rotated.Version)
	require.Len(t, rotated.Keys, 2)
	require.Equal(t, first.Keys[0], rotated.Keys[1], "the old one still verifies")
	start(t, data).stop()

	_, err = app.DropKey(t.Context(), at(data), rotated.Keys[0].ID, now, quiet)
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err), "it signs")
	_, err = app.DropKey(t.Context(), at(data), "", now, quiet)
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	dropped, err := app.DropKey(t.Context(), at(data), first.Keys[0].ID[:12], now, quiet)
	require.NoError(t, err)
	require.Equal(t, ids(rotated)[:1], ids(dropped))
	start(t, data).stop()

	recovery := filepath.Join(t.TempDir(), "recovery.pem")
	require.NoError(t, os.Rename(filepath.Join(data, "keys", "recovery.pem"), recovery)) // where it belongs
	require.NoError(t, os.Remove(filepath.Join(data, "keys", "signing.pem")))            // lost
	_, err = app.New(t.Context(), at(data), "v1", quiet)
	require.ErrorContains(t, err, "signing.pem is missing", "another one that nobody trusts is not made")
	recovered, err := app.RecoverKeys(t.Context(), at(data), recovery, now, quiet)
	require.NoError(t, err)
	require.Equal(t, crontopus.KeySetVersion{Recovery: now.Unix(), Sequence: 1}, recovered.Version)
	require.NotContains(t, ids(rotated), recovered.Keys[0].ID)
	require.Equal(t, first.RecoveryKey, recovered.RecoveryKey)
	start(t, data).stop()
	again, err := app.RecoverKeys(t.Context(), at(data), recovery, now, quiet)
	require.NoError(t, err)
	require.Equal(t, now.Unix()+1, again.Version.Recovery)
}

func TestRecoverNeedsNothingOfTheOldKeys(t *testing.T) {
	t.Parallel()
	data := made(t)
	first, err := app.KeySet(at(data))
	require.NoError(t, err)
	recovery := filepath.Join(t.TempDir(), "recovery.pem")
	require.NoError(t, os.Rename(filepath.Join(data, "keys", "recovery.pem"), recovery))
	require.NoError(t, os.RemoveAll(filepath.Join(data, "keys")))
	set, err := app.RecoverKeys(t.Context(), at(data), recovery, now, quiet)
	require.NoError(t, err)
	require.Equal(t, first.Installation, set.Installation)
	require.Equal(t, first.RecoveryKey, set.RecoveryKey)
	_, hint := refused(t, at(data))
	require.NotContains(t, hint, "keys recover", "which has made all that it makes")
	makeBoxKey(t, data)
	start(t, data)
}

func TestASigningKeyIsNotMadeBesideTheStatementsOfAnother(t *testing.T) {
	t.Parallel()
	data := made(t)
	require.NoError(t, os.Remove(filepath.Join(data, "crontopus.db")))
	require.NoError(t, os.Remove(filepath.Join(data, "keys", "signing.pem")))
	message, _ := refused(t, at(data))
	require.Contains(t, message, "signing.pem is gone")
}

func TestKeysAreRefused(t *testing.T) {
	t.Parallel()
	data, other := made(t), made(t)
	for name, c := range map[string]struct {
		do      func() error
		message string
	}{
		"a recovery key of others": {func() error {
			_, err := app.RecoverKeys(t.Context(), at(data), filepath.Join(other, "keys", "recovery.pem"), now, quiet)
			return err
		}, "not the recovery key"},
		"no folder": {func() error {
			_, err := app.RotateKey(t.Context(), at(filepath.Join(data, "none")), now, quiet)
			return err
		}, "no key set"},
		"an empty folder": {func() error {
			_, err := app.KeySet(at(t.TempDir()))
			return err
		}, "no key set"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, c.do(), c.message) })
	}
	// Keys and database that do not belong together.
	set, err := app.KeySet(at(data))
	require.NoError(t, err)
	for _, c := range []struct{ file, message string }{
		{"signing.pem", "no agent would accept"},
		{"keyset.json", "of another installation"},
	} {
		copyFile(t, filepath.Join(other, "keys", c.file), filepath.Join(data, "keys", c.file))
		_, err := app.New(t.Context(), at(data), "v1", quiet)
		require.ErrorContains(t, err, c.message)
	}
	require.NoError(t, os.WriteFile(filepath.Join(data, "keys", "keyset.json"), []byte("[{}]"), 0o600))
	_, err = app.KeySet(at(data))
	require.ErrorContains(t, err, "does not hold the statements")
	require.NotEmpty(t, set)

	running := filepath.Join(t.TempDir(), "data")
	start(t, running)
	_, err = app.RotateKey(t.Context(), at(running), now, quiet)
	require.ErrorContains(t, err, "another server already uses")
}

// Whatever breaks off between the two files, the server starts with a key that agents
// trust, and the next attempt finishes the first.
func TestARotationThatBrokeOffIsFinished(t *testing.T) {
	t.Parallel()
	data := made(t)
	signing := filepath.Join(data, "keys", "signing.pem")
	saved := filepath.Join(t.TempDir(), "signing.pem")
	copyFile(t, signing, saved)
	rotated, err := app.RotateKey(t.Context(), at(data), now, quiet)
	require.NoError(t, err)

	// As if the process had died before the new key was in its place.
	require.NoError(t, os.Rename(signing, signing+".next"))
	copyFile(t, saved, signing)
	start(t, data).stop()
	again, err := app.RotateKey(t.Context(), at(data), now.Add(time.Hour), quiet)
	require.NoError(t, err)
	require.Equal(t, rotated, again)
	_, err = os.Stat(signing + ".next")
	require.ErrorIs(t, err, os.ErrNotExist)
	start(t, data).stop()

	// As if it had died before anybody was told: the key is nobody's and a new one is made.
	copyFile(t, saved, signing+".next")
	more, err := app.RotateKey(context.Background(), at(data), now.Add(2*time.Hour), quiet)
	require.NoError(t, err)
	require.Len(t, more.Keys, 3)
}
