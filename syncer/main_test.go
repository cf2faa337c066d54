package syncer_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"crontopus.dev/crontopus/syncer"
)

// The test program is its own fetch child, as crontopus is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "fetch-child" {
		if err := syncer.ServeFetch(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	_ = os.RemoveAll(programDir())
	os.Exit(code)
}
