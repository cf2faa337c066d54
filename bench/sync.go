package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/gittest"
)

var syncCases = []Case{
	{Name: "sync/one file SQLite", What: oneFileWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return oneFile(ctx, b, "SQLite") }},
	{Name: "sync/one file PostgreSQL", What: oneFileWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return oneFile(ctx, b, "PostgreSQL") }},
	{Name: "sync/first", What: "The first sync of 1,000 manifests for 100 hosts, from its start until a host is handed its bundle, fetch included. " +
		"Floor: one program that fetches with go-git, parses and validates with the same libraries, signs as many bundles and commits all of it in one SQLite transaction.",
		Run: firstSync},
}

const oneFileWhat = "One file of 10,000 manifests for 100 hosts changes: from the moment at which `git push` has returned until the crontab of the host " +
	"that waits for it is written, by real programs. The Git server sends its webhook when it has taken the push. " +
	"The stages are told in milliseconds since the push. Instead of a floor: what Git's own server takes meanwhile; and for CPU, the first sync of all."

const syncHosts = 100

// pushes is how many commits are measured in a round.
const pushes = 15

// oneFile pushes one file after another.
func oneFile(ctx context.Context, b *Bench, engine string) (_ []Figure, err error) {
	f, err := b.startForge(ctx, 10_000)
	if err != nil {
		return nil, err
	}
	s, err := b.StartServer(ctx, engine, "--allow-network", "127.0.0.0/8")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := s.enrollHosts(ctx); err != nil {
		return nil, err
	}
	h, err := s.waitingHost(ctx, b)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.agent.Stop()) }()

	before, err := treeCPU(s.PID())
	if err != nil {
		return nil, err
	}
	if err := f.connect(ctx, s, h); err != nil {
		return nil, err
	}
	var first, changes, latency, git Samples
	used, err := treeCPU(s.PID())
	first = append(first, milliseconds(used-before))
	stages := map[string]Samples{}
	for n := range b.Rounds * pushes {
		if err != nil {
			return nil, err
		}
		var p push
		if p, err = f.push(ctx, s, h, n); err != nil {
			return nil, err
		}
		latency, git = append(latency, p.took), append(git, p.git)
		for name, at := range p.stages {
			stages[name] = append(stages[name], at)
		}
		var now time.Duration
		now, err = treeCPU(s.PID())
		changes, used = append(changes, milliseconds(now-used)), now
	}
	ours := make(Samples, len(latency))
	for i := range latency {
		ours[i] = latency[i] - git[i]
	}
	figures := []Figure{
		{Name: "push → applied, p50", Unit: "ms", Product: latency.Median()},
		{Name: "push → applied, p95", Unit: "ms", Product: latency.percentile(95), Reach: Within(300)},
		{Name: "of which without Git's own server, p50", Unit: "ms", Product: ours.Median(), Reach: Within(100)},
		{Name: "CPU of the first sync of all ÷ that of one change", Unit: "ms", Product: first.Median(), Floor: changes.mean(), Reach: AtLeast(20)},
	}
	for _, name := range stageNames {
		figures = append(figures, Figure{Name: "stage " + name + ", ended after", Unit: "ms", Product: stages[name].Median()})
	}
	return figures, err
}

// firstSync adds a source to a new server, round by round.
func firstSync(ctx context.Context, b *Bench) ([]Figure, error) {
	f, err := b.startForge(ctx, 1000)
	if err != nil {
		return nil, err
	}
	schema, err := filepath.Abs("schema/manifest.json")
	if err != nil {
		return nil, err
	}
	var product Samples
	floor := map[string]Samples{}
	err = b.Turns(ctx, func(ctx context.Context) error {
		took, err := f.first(ctx, b)
		product = append(product, took)
		return err
	}, func(ctx context.Context) error {
		took, err := Measure[map[string]float64](ctx, b, "sync", "-url", f.server.URL, "-schema", schema, "-dir", b.TB.TempDir())
		for name, ms := range took {
			floor[name] = append(floor[name], ms)
		}
		return err
	})
	figures := []Figure{{Name: "first sync of 1,000", Unit: "ms", Product: product.Median(), Floor: floor["all"].Median(), Reach: AtMost(2)}}
	for _, name := range []string{"fetch", "read", "decode", "sign", "store"} {
		figures = append(figures, Figure{Name: "the floor's " + name, Unit: "ms", Product: floor[name].Median()})
	}
	return figures, err
}

// first is how long a first sync takes, until a host is handed its bundle.
func (f *forge) first(ctx context.Context, b *Bench) (ms float64, err error) {
	s, err := b.StartServer(ctx, "SQLite", "--allow-network", "127.0.0.0/8")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := s.enrollHosts(ctx); err != nil {
		return 0, err
	}
	h, err := s.waitingHost(ctx, b)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.agent.Stop()) }()
	if _, err := s.Client.AddSource(ctx, wire.SourceInput{Name: "bench", URL: f.server.URL, Branch: gittest.Branch}); err != nil {
		return 0, err
	}
	if err := h.await(ctx, "job-00000"); err != nil {
		return 0, err
	}
	syncs, err := s.Client.Syncs(ctx, "bench", crontopus.Page{Limit: 1})
	if err != nil {
		return 0, err
	}
	given, err := os.Stat(h.bundle())
	if err != nil {
		return 0, err
	}
	return milliseconds(given.ModTime().Sub(syncs.Items[0].Started)), nil
}

// percentile is the sample below which so many percent are.
func (s Samples) percentile(percent int) float64 {
	sorted := slices.Sorted(slices.Values(s))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func (s Samples) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(max(len(s), 1))
}

// stageNames are in the order in which they end.
var stageNames = []string{"webhook", "list", "fetch", "decode", "validate", "plan", "commit", "sign", "publish, wake and verify", "apply"}

// hostName is a host's name, and the label by which jobs find it.
func hostName(i int) string { return fmt.Sprintf("h-%03d", i) }
