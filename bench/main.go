package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // schedules are measured in zones
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if errors.Is(err, errFailed) {
			os.Exit(1)
		}
		os.Exit(2)
	}
}

// errFailed: not every case could be measured. What the others found is told all the same.
var errFailed = errors.New("cases failed")

// run measures the cases that args choose. What was found goes to stdout, what is being
// done to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "measure the cases whose names begin with one of these `words`, separated by commas")
	rounds := flags.Int("rounds", 3, "how often product and floor take turns")
	results := flags.String("results", "bench/RESULTS.md", "`file` for the results of a whole run")
	list := flags.Bool("list", false, "list the cases and measure nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen := choose(cases(), *only)
	if *list {
		for _, c := range chosen {
			fmt.Fprintf(stdout, "%-24s %s\n", c.Name, c.What)
		}
		return nil
	}
	if len(chosen) == 0 || *rounds < 1 {
		return fmt.Errorf("no case begins with %q; -list lists them", *only)
	}
	r, err := measure(ctx, chosen, *rounds, stderr)
	if err != nil {
		return err
	}
	r.print(stdout)
	if *only == "" {
		err = os.WriteFile(*results, []byte(r.markdown()), 0o644)
	}
	return errors.Join(r.failure(), err)
}

// choose returns the cases whose names begin with one of the words.
func choose(all []Case, words string) (chosen []Case) {
	for _, c := range all {
		for word := range strings.SplitSeq(words, ",") {
			if strings.HasPrefix(c.Name, word) {
				chosen = append(chosen, c)
				break
			}
		}
	}
	return chosen
}

// measure runs the cases one after the other: nothing else should run meanwhile. One that fails
// is no reason to lose the others.
func measure(ctx context.Context, chosen []Case, rounds int, progress io.Writer) (_ *report, err error) {
	b, err := newBench(ctx, rounds, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r := &report{machine: b.describeMachine(ctx)}
	for _, c := range chosen {
		fmt.Fprintf(progress, "bench: %s\n", c.Name)
		found := b.section(ctx, c)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, errors.Join(ctx.Err(), found.err))
		}
		found.tell(progress)
		r.sections = append(r.sections, found)
	}
	return r, nil
}

// section measures one case. What it started and did not stop ends with it.
func (b *Bench) section(ctx context.Context, c Case) section {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := section{Case: c}
	found.err = b.host.try(func() (err error) { found.figures, err = c.Run(ctx, b); return err })
	if found.err != nil {
		found.figures = nil // of a half-measured case none is worth telling
	}
	return found
}
