package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

var validateCases = []Case{{
	Name: "validate/10,000 files",
	What: "`crontopus validate` with its lint rules over 10,000 manifests of about 25 lines, whole process; a few of them are warned of. " +
		"Instead of a floor: kubeconform with two workers, the same files and the same schema, both with the garbage collector's settings that they have by themselves. " +
		"Floors of one library: a program that reads the files, and one that parses them with the product's YAML library.",
	Run: validateMany,
}, {
	Name: "validate/one file",
	What: "The same for one manifest: what a person waits for in an editor or a hook. Instead of a floor: kubeconform; and an empty Go program.",
	Run:  validateOne,
}}

// timing is what timed found of one run.
type timing struct{ Wall, CPU, RSS float64 }

// runs are those of one side.
type runs struct{ wall, cpu, rss Samples }

// timed runs a program that newBench built n times.
func (r *runs) timed(ctx context.Context, b *Bench, n int, program string, args ...string) error {
	found, err := Measure[[]timing](ctx, b, "timed", append([]string{"-n", strconv.Itoa(n), b.Bin(program)}, args...)...)
	for _, one := range found {
		r.wall, r.cpu, r.rss = append(r.wall, one.Wall), append(r.cpu, one.CPU), append(r.rss, one.RSS)
	}
	return err
}

// sides lets product, peer and floors check what is at a path, in turns.
func sides(ctx context.Context, b *Bench, n int, path string, stages ...string) (product, peer runs, floors []runs, err error) {
	schema, err := filepath.Abs("schema/manifest.json")
	if err != nil {
		return product, peer, nil, err
	}
	floors = make([]runs, len(stages))
	turns := []func(context.Context) error{
		func(ctx context.Context) error { return product.timed(ctx, b, n, "crontopus", "validate", path) },
		func(ctx context.Context) error {
			return peer.timed(ctx, b, n, "kubeconform", "-n", "2", "-schema-location", schema, path)
		},
	}
	for i, stage := range stages {
		turns = append(turns, func(ctx context.Context) error { return floors[i].timed(ctx, b, n, "validate", stage, path) })
	}
	err = b.Turns(ctx, turns...)
	return product, peer, floors, err
}

func validateMany(ctx context.Context, b *Bench) ([]Figure, error) {
	dir := b.TB.TempDir()
	lines, err := newAuthor(1).writeFiles(dir, 10_000)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b.progress, "bench:   %.1f lines a file\n", float64(lines)/10_000)
	stages := []string{"read", "tokenize", "parse"}
	product, peer, floors, err := sides(ctx, b, 1, dir, stages...)
	figures := []Figure{
		{Name: "wall, beside kubeconform", Unit: "ms", Product: product.wall.Median(), Floor: peer.wall.Median(), Reach: AtMost(0.8)},
		{Name: "CPU, beside kubeconform", Unit: "ms", Product: product.cpu.Median(), Floor: peer.cpu.Median(), Reach: AtMost(0.8)},
		{Name: "resident, at most, beside kubeconform", Unit: "MiB", Product: product.rss.Median(), Floor: peer.rss.Median(), Reach: Within(100)},
	}
	for i, stage := range stages {
		figures = append(figures,
			Figure{Name: "wall, beside reading them and " + stage, Unit: "ms", Product: product.wall.Median(), Floor: floors[i].wall.Median()},
			Figure{Name: "CPU, beside reading them and " + stage, Unit: "ms", Product: product.cpu.Median(), Floor: floors[i].cpu.Median()})
	}
	return figures, err
}

func validateOne(ctx context.Context, b *Bench) ([]Figure, error) {
	dir := b.TB.TempDir()
	if _, err := newAuthor(2).writeFiles(dir, 1); err != nil {
		return nil, err
	}
	product, peer, floors, err := sides(ctx, b, 20, dir, "nothing")
	return []Figure{
		{Name: "wall, beside kubeconform", Unit: "ms", Product: product.wall.Median(), Floor: peer.wall.Median(), Reach: AtMost(1.5)},
		{Name: "CPU, beside kubeconform", Unit: "ms", Product: product.cpu.Median(), Floor: peer.cpu.Median()},
		{Name: "wall, beside an empty program", Unit: "ms", Product: product.wall.Median(), Floor: floors[0].wall.Median()},
		{Name: "resident, at most, beside kubeconform", Unit: "MiB", Product: product.rss.Median(), Floor: peer.rss.Median()},
	}, err
}
