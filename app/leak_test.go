package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	ofProduct = regexp.MustCompile(`(?m)^(crontopus\.dev/crontopus/(api|app|store|syncer|internal)[./(]|github\.com/jackc/|database/sql\.|modernc\.org/)`)
	// the tests' own; pgx's reader of a connection, of which each has one at most; the one by which database/sql ends
	// connections that have lived long enough, of which each pool has one while it has a connection; and those of River,
	// which is between two attempts to listen when it is not waiting
	notOurs   = regexp.MustCompile(`app_test|badnet|bgreader|startCleanerLocked|riverqueue`)
	createdBy = regexp.MustCompile(`(?m)^created by (\S+)`)
)

// goroutines counts the product's goroutines by who started them.
func goroutines() map[string]int {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	counts := map[string]int{}
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		by := createdBy.FindStringSubmatch(stack)
		if by == nil || !ofProduct.MatchString(stack) || notOurs.MatchString(by[1]) {
			continue
		}
		counts[by[1]]++
	}
	return counts
}

// requireNoLeak waits until the server is as quiet as it was: no goroutine more than before
// and no connection to the database at work.
func (w *ward) requireNoLeak(t *testing.T, before map[string]int) {
	t.Helper()
	var more []string
	last := "no metrics"
	defer func() {
		if t.Failed() {
			t.Logf("goroutines that were not there before: %v; connections at work: %s", more, last)
		}
	}()
	until(t, "goroutines and connections are as before", func() bool {
		more = nil
		for by, n := range goroutines() {
			if w.ours && n > before[by] {
				more = append(more, fmt.Sprintf("%s: %d instead of %d", by, n, before[by]))
			}
		}
		sort.Strings(more)
		last = w.atWork(t)
		return len(more) == 0 && last == "0"
	})
}

var inUse = regexp.MustCompile(`(?m)^crontopus_database_connections_in_use\{.*\} ([1-9].*)$`)

// atWork is how many connections to the database are at work, as the metrics say.
func (w *ward) atWork(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.metrics, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", page)
	require.Contains(t, string(page), "crontopus_database_connections_in_use")
	if found := inUse.FindStringSubmatch(string(page)); found != nil {
		return found[1]
	}
	return "0"
}
