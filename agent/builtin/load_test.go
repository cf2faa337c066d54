package builtin_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/agent/builtin"
	"crontopus.dev/crontopus/api/wire"
)

// BenchmarkAThousandJobsDueAtOnce measures how late the last and the median of a thousand
// jobs start that are due in one second, each with gate, lock, capture and check-ins.
func BenchmarkAThousandJobsDueAtOnce(b *testing.B) {
	const jobs = 1000
	me, err := user.Current()
	require.NoError(b, err)
	for b.Loop() {
		state := agent.State{Dir: b.TempDir()}
		require.NoError(b, state.Create())
		due := time.Now().UTC().Truncate(time.Minute)
		byName := map[crontopus.JobName]*crontopus.Job{}
		var entries []agent.Native
		var done sync.WaitGroup
		done.Add(jobs)
		runner := &agent.Runner{
			State: state, AgentID: "a", Spool: agent.NewSpool(state.SpoolDir()), Slots: make(chan struct{}, 16),
			Job: func(name crontopus.JobName) (*crontopus.Job, string, error) { return byName[name], "", nil },
			Policy: func() (*agent.Policy, error) {
				return agent.NewPolicy(agent.Rules{Users: []string{me.Username}}, os.Geteuid()), nil
			},
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}
		scheduler := builtin.New(state, func(ctx context.Context, name crontopus.JobName, byHand bool) (int, error) {
			defer done.Done()
			return runner.Exec(ctx, name, byHand)
		}, time.Now, slog.New(slog.DiscardHandler))
		for i := range jobs {
			job := &crontopus.Job{Metadata: crontopus.Metadata{Name: fmt.Sprintf("job-%d", i)}, Spec: crontopus.JobSpec{
				Schedule: crontopus.Schedules{fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour())}, Run: crontopus.RunSpec{Command: []string{"/bin/true"}},
			}}
			job.SetDefaults()
			byName[job.Name()] = job
			entry, err := scheduler.Render(job)
			require.NoError(b, err)
			entries = append(entries, entry)
			require.NoError(b, state.ResetClaim(job.Name(), "", due.Add(-time.Minute))) // as when the entry came
		}
		begin := time.Now()
		require.NoError(b, scheduler.Apply(b.Context(), entries))
		ctx, stop := context.WithCancel(b.Context())
		go func() { done.Wait(); stop() }()
		require.NoError(b, scheduler.Run(ctx))
		all := time.Since(begin)
		var lags []time.Duration
		require.NoError(b, runner.Spool.Deliver(b.Context(), func(_ context.Context, batch []crontopus.CheckIn) ([]wire.CheckInResult, error) {
			for _, c := range batch {
				if c.Event == crontopus.EventStart {
					lags = append(lags, c.At.Sub(begin))
				}
			}
			return make([]wire.CheckInResult, len(batch)), nil
		}))
		require.Len(b, lags, jobs)
		sort.Slice(lags, func(i, j int) bool { return lags[i] < lags[j] })
		b.ReportMetric(float64(lags[jobs/2].Milliseconds()), "ms-p50")
		b.ReportMetric(float64(lags[jobs-1].Milliseconds()), "ms-max")
		b.ReportMetric(float64(all.Milliseconds()), "ms-all")
	}
}
