package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCasesAreNamedOnceAndSayWhatTheyAre(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		area, what, _ := strings.Cut(c.Name, "/")
		require.NotEmpty(t, area)
		require.NotEmpty(t, what, "%s: area/what", c.Name)
		require.False(t, seen[c.Name], c.Name)
		require.Contains(t, c.What, "loor: ", "%s says what its floor is", c.Name)
		seen[c.Name] = true
	}
}

func TestOnlyChoosesByTheBeginning(t *testing.T) {
	all := []Case{{Name: "checkins/sqlite"}, {Name: "checkins/postgres"}, {Name: "polls/sqlite"}}
	for only, want := range map[string]int{"": 3, "checkins": 2, "checkins/p": 1, "polls,checkins/s": 2, "other": 0} {
		require.Len(t, choose(all, only), want, only)
	}
	require.ErrorContains(t, run(t.Context(), []string{"-only", "other"}, io.Discard, io.Discard), "-list")
	var listed bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list", "-only", "schedule"}, &listed, io.Discard))
	require.Contains(t, listed.String(), "schedule/next")
}

func TestAReachIsMetOrNot(t *testing.T) {
	for _, c := range []struct {
		why  string
		f    Figure
		met  bool
		text string
	}{
		{"nothing was asked", Figure{Name: "rate", Product: 5, Unit: "1/s", Floor: 10}, true, "rate: 5 1/s, floor 10, ratio 0.50"},
		{"more is better, enough", Figure{Name: "rate", Product: 6100, Unit: "1/s", Floor: 10000, Reach: AtLeast(0.6)}, true, "rate: 6100 1/s, floor 10000, ratio 0.61 (≥ 0.6 × floor: met)"},
		{"more is better, too few", Figure{Product: 5900, Floor: 10000, Reach: AtLeast(0.6)}, false, "NOT MET"},
		{"less is better, enough", Figure{Product: 15, Floor: 10, Reach: AtMost(1.5)}, true, "met"},
		{"less is better, too much", Figure{Product: 16, Floor: 10, Reach: AtMost(1.5)}, false, "NOT MET"},
		{"less is better, no floor was measured", Figure{Product: 16, Reach: AtMost(1.5)}, false, "NOT MET"},
		{"a bound of its own, kept", Figure{Product: 299.6, Reach: Within(300)}, true, "at most 300: met"},
		{"a bound of its own, broken", Figure{Product: 301, Reach: Within(300)}, false, "at most 300: NOT MET"},
		{"nothing is allowed, and it is nothing", Figure{Product: 0, Reach: Within(0)}, true, "at most 0: met"},
	} {
		require.Equal(t, c.met, c.f.Met(), c.why)
		require.Contains(t, c.f.String(), c.text, c.why)
	}
}

func TestMedianIsTheMiddle(t *testing.T) {
	require.Zero(t, Samples{}.Median())
	require.InDelta(t, 3, Samples{9, 1, 3}.Median(), 0)
	require.InDelta(t, 2.5, Samples{4, 1, 2, 3}.Median(), 0)
}

func TestSidesTakeTurnsAndNoneIsAlwaysFirst(t *testing.T) {
	var order []string
	note := func(s string) func(context.Context) error {
		return func(context.Context) error { order = append(order, s); return nil }
	}
	b := &Bench{Rounds: 3}
	require.NoError(t, b.Turns(t.Context(), note("product"), note("floor")))
	require.Equal(t, []string{"product", "floor", "floor", "product", "product", "floor"}, order)
	broken := errors.New("broken")
	require.ErrorIs(t, b.Turns(t.Context(), func(context.Context) error { return broken }, note("floor")), broken)
	require.Len(t, order, 6)
}

func TestReportTellsWhatWasNotReached(t *testing.T) {
	r := &report{machine: []fact{{"Go", "go1.26"}}, sections: []section{{Case: Case{Name: "area/what", What: "What is measured. Floor: nothing."},
		figures: []Figure{{Name: "rate", Unit: "1/s", Product: 7, Floor: 10, Reach: AtLeast(0.6)}, {Name: "lag", Unit: "ms", Product: 7, Reach: Within(5)}, {Name: "size", Unit: "MB", Product: 7}}}}}
	var table bytes.Buffer
	r.print(&table)
	require.Contains(t, table.String(), "1 of 2 reaches met")
	page := r.markdown()
	require.Contains(t, page, "1 of 2 reaches met")
	require.Contains(t, page, "| Go | go1.26 |\n")
	require.Contains(t, page, "## area/what\n\nWhat is measured. Floor: nothing.\n")
	require.Contains(t, page, "| rate | 7 | 10 | 1/s | 0.70 | ≥ 0.6 × floor | met |\n")
	require.Contains(t, page, "| lag | 7 |  | ms |  | at most 5 | NOT MET |\n")
	require.Contains(t, page, "| size | 7 |  | MB |  |  |  |\n")
}

func TestAHelpersFailureEndsItsCase(t *testing.T) {
	undone := []string{}
	h := &host{ctx: t.Context(), dir: t.TempDir()}
	err := h.try(func() error {
		h.Cleanup(func() { undone = append(undone, "first") })
		h.Cleanup(func() { undone = append(undone, "second") })
		require.DirExists(t, h.TempDir())
		require.Equal(h, 1, 2)
		return nil
	})
	require.ErrorContains(t, err, "Not equal")
	require.NoError(t, h.end())
	require.Equal(t, []string{"second", "first"}, undone)
	require.Panics(t, func() { _ = h.try(func() error { panic("a bug") }) })
}

func TestACaseThatFailsLosesNoOther(t *testing.T) {
	b := &Bench{host: &host{ctx: t.Context(), dir: t.TempDir()}}
	var left context.Context
	broken := errors.New("the server hung up")
	r := &report{sections: []section{
		b.section(t.Context(), Case{Name: "a/fails", Run: func(ctx context.Context, _ *Bench) ([]Figure, error) {
			left = ctx
			return []Figure{{Name: "half", Product: 1, Reach: Within(5)}}, broken
		}}),
		b.section(t.Context(), Case{Name: "a/panics", Run: func(context.Context, *Bench) ([]Figure, error) {
			require.Fail(b.host, "no repository")
			return nil, nil
		}}),
		b.section(t.Context(), Case{Name: "a/works", Run: func(context.Context, *Bench) ([]Figure, error) {
			return []Figure{{Name: "lag", Unit: "ms", Product: 7, Reach: Within(5)}}, nil
		}}),
	}}
	require.Error(t, left.Err(), "what a case has started ends with it")
	err := r.failure()
	require.ErrorIs(t, err, errFailed)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "2 of 3 cases failed:\na/fails: the server hung up\na/panics: ")
	page := r.markdown()
	require.Contains(t, page, "0 of 1 reaches met")
	require.Contains(t, page, "## a/fails\n\n\n\nFAILED, nothing was measured:\n\n```\nthe server hung up\n```\n")
	require.NotContains(t, page, "half")
	require.Contains(t, page, "| lag | 7 |")
	var table, told bytes.Buffer
	r.print(&table)
	require.Contains(t, table.String(), "FAILED")
	r.sections[0].tell(&told)
	require.Equal(t, "bench:   FAILED: the server hung up\n", told.String())
	r.sections = r.sections[2:]
	require.NoError(t, r.failure())
}
