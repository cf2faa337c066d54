package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// withRepository makes a repository's job known and returns the repository.
func (f *fleet) withRepository(t *testing.T) *gittest.Repo {
	t.Helper()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "a job", map[string]string{"hello.yaml": helloJob})
	_, err := f.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	return repo
}

// change commits another command for the job, and asks for a sync until somebody takes the request.
func (f *fleet) change(t *testing.T, repo *gittest.Repo, word string) {
	t.Helper()
	repo.Commit(t, word, map[string]string{"hello.yaml": strings.Replace(helloJob, "/bin/true", "/bin/echo, "+word, 1)})
	until(t, "a sync was asked for", func() bool { return f.SyncSource(t.Context(), "fleet") == nil })
}

// Servers are restarted one after the other while agents poll and check in: none of their
// requests fails, and no check-in is lost.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	f := newFleet(t, 2, time.Second)
	repo := f.withRepository(t)
	agents := f.agents(t, 4, 5*time.Second)
	ctx, stop := context.WithCancel(t.Context())
	var ended []<-chan struct{}
	for _, a := range agents {
		ended = append(ended, a.work(ctx))
	}
	for round := range 2 {
		for i, p := range f.processes {
			require.NoError(t, f.end(p, syscall.SIGTERM), "it ends well")
			word := fmt.Sprintf("round-%d-%d", round, i)
			f.change(t, repo, word)
			for _, a := range agents {
				until(t, "the other server gave the agent its bundle", func() bool { return a.holds(word) })
			}
			f.start(t, p)
			f.await(t, p)
		}
	}
	stop()
	for i, a := range agents {
		<-ended[i]
		require.Empty(t, a.failures)
	}
	t.Logf("%d check-ins were answered, and all are there", f.kept(t, agents))
}

// One of two servers is killed at random, again and again. Requests fail then; but nothing
// that was answered is lost, no generation means two things, and everybody moves on.
func TestServersThatAreKilledLoseNothing(t *testing.T) {
	lasts := 12 * time.Second
	if os.Getenv("CRONTOPUS_SOAK") != "" {
		lasts = time.Minute
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, seed))
	f := newFleet(t, 2, 0, func(o *app.Options) { o.KeepRunsPerJob = 0 }) // one job has more than are kept, within a minute
	repo := f.withRepository(t)
	agents := f.agents(t, 4, 5*time.Second)
	ctx, stop := context.WithCancel(t.Context())
	var ended []<-chan struct{}
	for _, a := range agents {
		ended = append(ended, a.work(ctx))
	}
	kills := 0
	for over := time.Now().Add(lasts); time.Now().Before(over); kills++ {
		f.change(t, repo, fmt.Sprintf("before-kill-%d", kills))
		after := answered(agents) + dice.IntN(600) // check-ins: seconds, while one server is there
		until(t, "agents check in", func() bool { return answered(agents) >= after })
		p := f.processes[dice.IntN(len(f.processes))]
		require.Error(t, f.end(p, syscall.SIGKILL))
		f.start(t, p)
		f.await(t, p)
	}
	f.change(t, repo, "last")
	for _, a := range agents {
		a.awaits(t, "last")
	}
	stop()
	failed := 0
	for i, a := range agents {
		<-ended[i]
		for _, failure := range a.failures {
			require.NotContains(t, failure, "generation")
		}
		failed += len(a.failures)
	}
	t.Logf("%d servers were killed, %d requests failed, %d check-ins were answered, and all are there", kills, failed, f.kept(t, agents))
}

// answered counts the check-ins that were.
func answered(agents []*fleetAgent) (n int) {
	for _, a := range agents {
		a.mu.Lock()
		n += len(a.acked)
		a.mu.Unlock()
	}
	return n
}

// awaits waits for a job: for as long as the lease of a server lasts that was killed amid a sync.
func (a *fleetAgent) awaits(t *testing.T, word string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(90 * time.Second)
	for !a.holds(word) {
		select {
		case <-late:
			t.Fatal("a sync is stuck")
		case <-tick.C:
		}
	}
}
