package syncer_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
)

func benchHouse(b *testing.B, jobs int) *house {
	h := newHouse(b, func(h *house) { h.opts.Log = slog.New(slog.DiscardHandler) })
	files := map[string]string{}
	for i := range jobs {
		files[fmt.Sprintf("team%d/job%d.yaml", i%20, i)] = manifest(fmt.Sprintf("job-%d", i), "one")
	}
	h.repo.Commit(b, "all", files)
	for i := range 100 {
		h.addAgent("db", fmt.Sprintf("db-%d", i))
	}
	return h
}

// clone is the floor of a first fetch: git itself, bare and shallow.
func clone(b *testing.B, url string) {
	cmd := exec.Command("git", "clone", "--quiet", "--bare", "--depth=1", "--branch="+gittest.Branch, url, filepath.Join(b.TempDir(), "floor"))
	cmd.Env = gittest.Env()
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
}

// A first sync of 1,000 jobs for 100 agents, fetch included, and beside it git alone.
func BenchmarkFirstSync(b *testing.B) {
	b.Run("crontopus", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			h := benchHouse(b, 1000)
			b.StartTimer()
			requireState(b, "true Synced", h.sync(b, sourceID))
			b.StopTimer()
			h.stop()
			b.StartTimer()
		}
	})
	b.Run("floor/git clone", func(b *testing.B) {
		h := benchHouse(b, 1000)
		for b.Loop() {
			clone(b, h.server.URL)
		}
	})
}

// One file of 1,000 changed: fetch, decode one, plan, store; and beside it git alone.
func BenchmarkOneFileChanged(b *testing.B) {
	change := func(b *testing.B, h *house, i int) {
		b.StopTimer()
		h.repo.Commit(b, "change", map[string]string{"team0/job0.yaml": manifest("job-0", fmt.Sprintf("n%d", i))})
		b.StartTimer()
	}
	b.Run("crontopus", func(b *testing.B) {
		h := benchHouse(b, 1000)
		h.sync(b, sourceID)
		for i := 0; b.Loop(); i++ {
			change(b, h, i)
			requireState(b, "true Synced", h.sync(b, sourceID))
		}
	})
	b.Run("floor/git fetch", func(b *testing.B) {
		h := benchHouse(b, 1000)
		dir := filepath.Join(b.TempDir(), "floor")
		require.NoError(b, os.MkdirAll(dir, 0o755))
		fetch := func(args ...string) {
			cmd := exec.Command("git", args...)
			cmd.Dir, cmd.Env = dir, gittest.Env()
			out, err := cmd.CombinedOutput()
			require.NoError(b, err, string(out))
		}
		fetch("init", "--quiet", "--bare")
		fetch("fetch", "--quiet", "--depth=1", h.server.URL, "+main:main")
		for i := 0; b.Loop(); i++ {
			change(b, h, i)
			fetch("fetch", "--quiet", h.server.URL, "+main:main")
		}
	})
}

// A poll without news.
func BenchmarkPoll(b *testing.B) {
	h := benchHouse(b, 1000)
	h.sync(b, sourceID)
	for b.Loop() {
		h.poll(b, sourceID)
	}
}
