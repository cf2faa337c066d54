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
		os.Exit(2)
	}
}

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
	if *only != "" {
		return nil
	}
	return os.WriteFile(*results, []byte(r.markdown()), 0o644)
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

// measure runs the cases one after the other: nothing else should run meanwhile.
func measure(ctx context.Context, chosen []Case, rounds int, progress io.Writer) (_ *report, err error) {
	b, err := newBench(ctx, rounds, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r := &report{machine: b.describeMachine(ctx)}
	for _, c := range chosen {
		fmt.Fprintf(progress, "bench: %s\n", c.Name)
		var figures []Figure
		if err := b.host.try(func() (err error) { figures, err = c.Run(ctx, b); return err }); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		for _, f := range figures {
			fmt.Fprintf(progress, "bench:   %s\n", f)
		}
		r.sections = append(r.sections, section{c, figures})
	}
	return r, nil
}
