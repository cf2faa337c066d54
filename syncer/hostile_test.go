package syncer_test

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/syncer"
)

// fetchProgram is this test's program without the race detector, whose memory no limit
// could tell from a bomb's.
var fetchProgram = sync.OnceValues(func() (string, error) {
	if err := os.MkdirAll(programDir(), 0o700); err != nil {
		return "", err
	}
	program := filepath.Join(programDir(), "syncer.test")
	out, err := exec.Command("go", "test", "-c", "-o", program, "crontopus.dev/crontopus/syncer").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// programDir is where that program is, until all tests are over.
func programDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("crontopus-syncer-test-%d", os.Getpid()))
}

// realChild makes a house fetch with that program, its limits in force.
func realChild(t *testing.T) func(*house) {
	t.Helper()
	program, err := fetchProgram()
	require.NoError(t, err)
	return func(h *house) {
		h.opts.FetchCommand = []string{program, "fetch-child"}
		h.opts.FetchLimits.Memory = 300 << 20 // said, because the race detector's build of the parent has no limit
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// many are n regular files (or whatever the mode says) with one content.
func many(n int, mode, hash, name string) []gittest.Entry {
	entries := make([]gittest.Entry, n)
	for i := range entries {
		entries[i] = gittest.Entry{Mode: mode, Hash: hash, Name: fmt.Sprintf(name, i)}
	}
	return entries
}

// deltaBomb stores a blob of half a GiB that is 33 copies of another, and returns its hash.
func deltaBomb(t *testing.T, r *gittest.Repo) string {
	t.Helper()
	const chunk, copies = 0xffffff, 33
	var delta []byte
	delta = binary.AppendUvarint(delta, chunk)
	delta = binary.AppendUvarint(delta, chunk*copies)
	for range copies {
		delta = append(delta, 0x80|0x70, 0xff, 0xff, 0xff) // copy that much from the beginning
	}
	pack := bytes.NewBufferString("PACK\x00\x00\x00\x02\x00\x00\x00\x02")
	object := func(kind byte, size int, between []byte, content io.Reader) {
		head := kind<<4 | byte(size&0x0f)
		for size >>= 4; size > 0; size >>= 7 {
			pack.WriteByte(head | 0x80)
			head = byte(size & 0x7f)
		}
		pack.WriteByte(head)
		pack.Write(between)
		w := zlib.NewWriter(pack)
		_, err := io.Copy(w, content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	object(3, chunk, nil, io.LimitReader(zeros{}, chunk))
	base := sha1.New()
	fmt.Fprintf(base, "blob %d\x00", chunk)
	_, err := io.Copy(base, io.LimitReader(zeros{}, chunk))
	require.NoError(t, err)
	object(7, len(delta), base.Sum(nil), bytes.NewReader(delta))
	sum := sha1.Sum(pack.Bytes())
	pack.Write(sum[:])
	r.GitInput(t, pack, "index-pack", "--stdin")
	bomb := sha1.New()
	fmt.Fprintf(bomb, "blob %d\x00", chunk*copies)
	_, err = io.Copy(bomb, io.LimitReader(zeros{}, chunk*copies))
	require.NoError(t, err)
	return fmt.Sprintf("%x", bomb.Sum(nil))
}

// nestedTrees returns a tree that holds the one below it ten times, ten deep: ten thousand
// million files in a few hundred bytes.
func nestedTrees(t *testing.T, r *gittest.Repo, leaf string) string {
	t.Helper()
	tree := r.Tree(t, gittest.Entry{Mode: "100644", Hash: leaf, Name: "a.yaml"})
	for range 10 {
		tree = r.Tree(t, many(10, "40000", tree, "d%d")...)
	}
	return tree
}

func TestHostileRepositories(t *testing.T) {
	const file, link, needsMemory = "100644", "120000", "false FetchFailed: more than 300MiB of memory"
	for name, c := range map[string]struct {
		tree func(*testing.T, *gittest.Repo) string
		want string // the Ready condition, and a part of its message
	}{
		"a blob of 512 MiB that compresses well": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, gittest.Entry{Mode: file, Name: "bomb.yaml", Hash: r.Blob(t, io.LimitReader(zeros{}, 512<<20))})
		}, needsMemory},
		"a delta of half a GiB": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, gittest.Entry{Mode: file, Name: "bomb.yaml", Hash: deltaBomb(t, r)})
		}, needsMemory},
		"a million paths in one folder": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, many(1_000_000, file, r.Blob(t, strings.NewReader("{}")), "%07d.yaml")...)
		}, needsMemory},
		"300,000 paths in one folder": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, many(300_000, file, r.Blob(t, strings.NewReader("{}")), "%07d.yaml")...)
		}, "false VerificationFailed: more than 200000 files"},
		"ten thousand million paths in ten folders": {func(t *testing.T, r *gittest.Repo) string {
			return nestedTrees(t, r, r.Blob(t, strings.NewReader("{}")))
		}, "false VerificationFailed: more than 200000 files"},
		"a tree of 65 MiB": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, many(300_000, file, r.Blob(t, strings.NewReader("{}")), "%0200d.yaml")...)
		}, "false VerificationFailed: more than a tree or commit may have"},
		"100,000 names of 700 letters": {func(t *testing.T, r *gittest.Repo) string {
			tree := r.Tree(t, many(100_000, file, r.Blob(t, strings.NewReader("{}")), "%0100d.yaml")...)
			for i := range 3 {
				tree = r.Tree(t, gittest.Entry{Mode: "40000", Hash: tree, Name: strings.Repeat(fmt.Sprint(i), 200)})
			}
			return tree
		}, "false VerificationFailed: names"},
		"199,000 symbolic links": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, many(199_000, link, r.Blob(t, strings.NewReader("/etc/passwd")), "%06d.yaml")...)
		}, "false VerificationFailed: 199000 problems"},
		"10,000 manifests, every one wrong": {func(t *testing.T, r *gittest.Repo) string {
			wrong := strings.Replace(manifest("a", "b"), "30 2 * * *", "never", 1)
			return r.Tree(t, many(10_000, file, r.Blob(t, strings.NewReader(wrong)), "%06d.yaml")...)
		}, "false ValidationFailed: 10000 problems"},
		"a file of 400 jobs at 1,000 paths": {func(t *testing.T, r *gittest.Repo) string {
			var jobs strings.Builder
			for i := range 400 {
				jobs.WriteString(manifest(fmt.Sprint("j", i), "b") + "---\n")
			}
			return r.Tree(t, many(1000, file, r.Blob(t, strings.NewReader(jobs.String())), "%06d.yaml")...)
		}, "false VerificationFailed: more than 200000 jobs"},
		"a file of 200 KiB at 1,000 paths": {func(t *testing.T, r *gittest.Repo) string {
			large := manifest("a", "b") + strings.Repeat("# "+strings.Repeat("x", 98)+"\n", 2000)
			return r.Tree(t, many(1000, file, r.Blob(t, strings.NewReader(large)), "%06d.yaml")...)
		}, "false VerificationFailed: more than 128MiB together"},
		"a file with 1,000 mistakes at 2,000 paths": {func(t *testing.T, r *gittest.Repo) string {
			wrong := manifest("a", "b") + strings.Repeat("---\nkind: Nothing\n", 1000)
			return r.Tree(t, many(2000, file, r.Blob(t, strings.NewReader(wrong)), "%06d.yaml")...)
		}, "false VerificationFailed: more than 250000 problems"},
		"a name with a newline": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, gittest.Entry{Mode: file, Name: "a\nINFO forged.yaml", Hash: r.Blob(t, strings.NewReader(manifest("a", "b")))})
		}, "false VerificationFailed: does not print"},
		"a name that leaves the folder": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, gittest.Entry{Mode: file, Name: "x/../../a.yaml", Hash: r.Blob(t, strings.NewReader(manifest("a", "b")))})
		}, "false VerificationFailed: does not print"},
		"a Git LFS pointer": {func(t *testing.T, r *gittest.Repo) string {
			pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 12345\n"
			return r.Tree(t, gittest.Entry{Mode: file, Name: "a.yaml", Hash: r.Blob(t, strings.NewReader(pointer))})
		}, "false ValidationFailed: Git LFS"},
		"a submodule": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t, gittest.Entry{Mode: "160000", Name: "vendored", Hash: strings.Repeat("1", 40)})
		}, "false VerificationFailed: is a submodule"},
		"paths that differ in case only": {func(t *testing.T, r *gittest.Repo) string {
			return r.Tree(t,
				gittest.Entry{Mode: file, Name: "Jobs.yaml", Hash: r.Blob(t, strings.NewReader(manifest("one", "a")))},
				gittest.Entry{Mode: file, Name: "jobs.yaml", Hash: r.Blob(t, strings.NewReader(manifest("two", "a")))})
		}, "true Synced: 2 jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			logs := &recorder{}
			h := newHouse(t, realChild(t), func(h *house) { h.opts.Log = slog.New(logs) })
			h.repo.CommitTree(t, c.tree(t, h.repo))
			status := h.sync(t, sourceID)
			h.stop() // and with it the child
			state, message := ready(status)
			want, part, _ := strings.Cut(c.want, ": ")
			require.Equal(t, want, state, message)
			require.Contains(t, message, part, "%s", logs.text())
			require.NotContains(t, message, "\n")
			t.Logf("%s, with %d MiB", message, logs.peak()>>20)
			require.LessOrEqual(t, logs.peak(), int64(300<<20))
			require.LessOrEqual(t, len(h.lastSync(t).Problems), 200)
			if c.want != needsMemory {
				return
			}
			stalled, _ := stateOf(status, crontopus.ConditionStalled)
			require.Equal(t, "true FetchFailed", stalled)
			require.Nil(t, status.NextAttemptAt, "it is not tried again by itself")
			require.NoDirExists(t, h.mirror())
			require.NoDirExists(t, h.mirror()+".new")
		})
	}
}

// Whoever packs a repository on this machine does so within the limits of the fetch, and dies of them in its place.
func TestABlobThatALocalGitCannotSend(t *testing.T) {
	h := newHouse(t, realChild(t), func(h *house) {
		h.opts.AllowFileSources = true
		h.addSource("local", h.repo.URL(), "")
	})
	h.repo.CommitTree(t, h.repo.Tree(t, gittest.Entry{Mode: "100644", Name: "bomb.yaml", Hash: h.repo.Blob(t, io.LimitReader(zeros{}, 512<<20))}))
	status := h.sync(t, "local")
	stalled, message := stateOf(status, crontopus.ConditionStalled)
	require.Equal(t, "true FetchFailed", stalled, message)
	_, message = ready(status)
	require.Contains(t, message, "300MiB of memory that a fetch may have")
}

// peak is the most memory that a fetch child held when it was done.
func (r *recorder) peak() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := int64(0)
	for _, record := range r.records {
		peak, _ := record["peak_memory"].(int64)
		most = max(most, peak)
	}
	return most
}

func TestABreachStopsTheChildAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		limits  syncer.FetchLimits
		message string
	}{
		"memory":    {syncer.FetchLimits{Memory: 24 << 20}, "more than 24MiB of memory"},
		"computing": {syncer.FetchLimits{CPU: time.Second}, "more than 1s of computing"},
		"disk":      {syncer.FetchLimits{Disk: 1 << 20}, "more than 1MiB on disk"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, realChild(t), func(h *house) { h.opts.FetchLimits = c.limits })
			other := gittest.NewRepo(t)
			other.Commit(t, "good", map[string]string{"a.yaml": manifest("a", "one")})
			h.addSource("good", other.Serve(t).URL, "")
			content := make([]byte, 8<<20)
			_, err := rand.Read(content)
			require.NoError(t, err)
			bomb := nestedTrees(t, h.repo, h.repo.Blob(t, bytes.NewReader(content)))
			h.repo.Commit(t, "bomb", nil)
			h.repo.CommitTree(t, bomb)

			require.Contains(t, requireState(t, "false FetchFailed", h.sync(t, sourceID)), c.message)
			if c.limits.Memory == 0 { // which the good one needs as well
				requireState(t, "true Synced", h.sync(t, "good"))
			}
		})
	}
}
