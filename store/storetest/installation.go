package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/store"
)

const held = 5 * time.Second

var installationCases = cases{
	"of many servers one publishes": func(t *testing.T, s *store.Store) {
		var got atomic.Int64
		var all sync.WaitGroup
		for _, owner := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			all.Go(func() {
				if s.SystemLeasePublisher(t.Context(), owner, t0, t0.Add(held)) == nil {
					got.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, got.Load())
	},
	"a publisher that is silent is replaced when its time is over": func(t *testing.T, s *store.Store) {
		take := func(owner string, after time.Duration) error {
			return s.SystemLeasePublisher(t.Context(), owner, t0.Add(after), t0.Add(after+held))
		}
		require.NoError(t, take("a", 0))
		require.NoError(t, take("a", 2*time.Second), "it goes on")
		requireCode(t, "conflict", take("b", 6*time.Second))
		requireCode(t, "conflict", take("b", time.Second)) // its clock is a little behind
		require.NoError(t, take("b", 7*time.Second))
		requireCode(t, "conflict", take("a", 8*time.Second))
	},
	"a publisher that ends is replaced at once": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.SystemLeasePublisher(t.Context(), "a", t0, t0.Add(held)))
		require.NoError(t, s.SystemEndPublisherLease(t.Context(), "b"), "it has none")
		requireCode(t, "conflict", s.SystemLeasePublisher(t.Context(), "b", t0, t0.Add(held)))
		require.NoError(t, s.SystemEndPublisherLease(t.Context(), "a"))
		require.NoError(t, s.SystemLeasePublisher(t.Context(), "b", t0, t0.Add(held)))
	},
	"a publisher whose clock is ahead keeps nobody out": func(t *testing.T, s *store.Store) {
		ahead := t0.Add(time.Hour)
		require.NoError(t, s.SystemLeasePublisher(t.Context(), "a", ahead, ahead.Add(held)))
		require.NoError(t, s.SystemLeasePublisher(t.Context(), "b", t0, t0.Add(held)))
	},
	"statements of keys follow one another": func(t *testing.T, s *store.Store) {
		read := func() string {
			text, err := s.SystemKeyStatements(t.Context())
			require.NoError(t, err)
			return text
		}
		require.Empty(t, read())
		require.NoError(t, s.SystemReplaceKeyStatements(t.Context(), "", "first"))
		requireCode(t, "conflict", s.SystemReplaceKeyStatements(t.Context(), "", "another first"))
		require.NoError(t, s.SystemReplaceKeyStatements(t.Context(), "first", "second"))
		require.Equal(t, "second", read())
	},
	"one key seals all credentials": func(t *testing.T, s *store.Store) {
		require.NoError(t, s.SystemAdoptBox(t.Context()))
		require.NoError(t, s.SystemAdoptBox(t.Context()), "the same again")
	},
}
