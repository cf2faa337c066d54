package store_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

func newBox(t testing.TB) *store.Box {
	box, err := store.NewBox("test", [32]byte{1})
	require.NoError(t, err)
	return box
}

func openAt(t testing.TB, path string) *store.Store {
	s, err := store.Open(t.Context(), store.Options{Path: path, Box: newBox(t), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return s
}

func open(t testing.TB) *store.Store {
	s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.Store { return open(t) })
}
