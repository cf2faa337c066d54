package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// host lets the helpers of tests (a PostgreSQL, a Git server, require) serve a benchmark. What
// they would fail a test for ends the case.
type host struct {
	testing.TB // nil: what is not below is not for benchmarks
	ctx        context.Context
	dir        string
	undo       []func()
}

// failure is what a helper ended a case with.
type failure struct{ text string }

// Helper is for lines in a test's log.
func (h *host) Helper() {}

// Context ends with the run.
func (h *host) Context() context.Context { return h.ctx }

// Name is part of file names.
func (h *host) Name() string { return "bench" }

// Logf says nothing: figures are what a benchmark has to say.
func (h *host) Logf(string, ...any) {}

// Errorf ends the case, as FailNow would: nothing that follows could be measured.
func (h *host) Errorf(format string, args ...any) { h.Fatalf(format, args...) }

// Fatalf ends the case.
func (h *host) Fatalf(format string, args ...any) { panic(failure{fmt.Sprintf(format, args...)}) }

// FailNow ends the case.
func (h *host) FailNow() { panic(failure{"it failed"}) }

// Cleanup is for the end of the run.
func (h *host) Cleanup(undo func()) { h.undo = append(h.undo, undo) }

// TempDir is removed at the end of the run.
func (h *host) TempDir() string {
	dir, err := os.MkdirTemp(h.dir, "")
	if err != nil {
		h.Fatalf("%s", err)
	}
	return dir
}

// try runs something that may end a case, and returns why it did.
func (h *host) try(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			f, ok := v.(failure)
			if !ok {
				panic(v)
			}
			err = errors.New(f.text)
		}
	}()
	return do()
}

// end undoes, last things first.
func (h *host) end() (err error) {
	for _, undo := range slices.Backward(h.undo) {
		err = errors.Join(err, h.try(func() error { undo(); return nil }))
	}
	h.undo = nil
	return err
}
