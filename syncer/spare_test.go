package syncer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counted is a house whose fetch children leave their process ids in a file, in the order in
// which they were started.
func counted(t *testing.T) (h *house, started func() []int) {
	file := filepath.Join(t.TempDir(), "children")
	h = newHouse(t, func(h *house) {
		script := fmt.Sprintf("echo $$ >> %s; exec %s fetch-child", file, os.Args[0])
		h.opts.FetchCommand = []string{"/bin/sh", "-c", script}
	})
	return h, func() (pids []int) {
		data, _ := os.ReadFile(file) // not there before the first
		for line := range strings.FieldsSeq(string(data)) {
			pid, err := strconv.Atoi(line)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
		return pids
	}
}

func TestTheNextFetchFindsItsChildStarted(t *testing.T) {
	h, started := counted(t)
	for n := range 3 {
		h.repo.Commit(t, "next", map[string]string{"a.yaml": manifest("a", fmt.Sprint("word-", n))})
		before := len(started())
		requireState(t, "true Synced", h.sync(t, sourceID))
		if n > 0 {
			require.Equal(t, before, n+1, "the one that waited was there before the sync")
		}
		require.Eventually(t, func() bool { return len(started()) == n+2 }, time.Minute, time.Millisecond)
	}

	spare := started()[3]
	require.NoError(t, syscall.Kill(spare, 0), "it waits")
	h.stop()
	require.ErrorIs(t, syscall.Kill(spare, 0), syscall.ESRCH, "it ends with the syncer")
}

func TestASpareThatWasKilledIsReplaced(t *testing.T) {
	h, started := counted(t)
	h.repo.Commit(t, "first", map[string]string{"a.yaml": manifest("a", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Eventually(t, func() bool { return len(started()) == 2 }, time.Minute, time.Millisecond)

	require.NoError(t, syscall.Kill(-started()[1], syscall.SIGKILL))
	require.Eventually(t, func() bool { return zombie(t, started()[1]) }, time.Minute, time.Millisecond)
	h.repo.Commit(t, "second", map[string]string{"a.yaml": manifest("a", "two")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Equal(t, []string{"/bin/echo", "two"}, h.job(t, sourceID, "test/a").Job.Spec.Run.Command)
	require.GreaterOrEqual(t, len(started()), 3)
}

// zombie reports whether a process has ended and nobody has asked how.
func zombie(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}
