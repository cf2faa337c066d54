package recent_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/internal/recent"
)

func TestWhatWasPutIsKnownUntilAllIsForgotten(t *testing.T) {
	m := recent.New[string, int](2)
	_, known, seen := m.Get("a")
	require.False(t, known)
	m.Put("a", 1, seen)
	v, known, _ := m.Get("a")
	require.True(t, known)
	require.Equal(t, 1, v)
	m.Forget()
	_, known, _ = m.Get("a")
	require.False(t, known)
}

func TestWhatWasLookedUpBeforeForgettingIsNotRemembered(t *testing.T) {
	m := recent.New[string, int](2)
	_, _, seen := m.Get("a")
	m.Forget()
	m.Put("a", 1, seen)
	_, known, seen := m.Get("a")
	require.False(t, known)
	m.Put("a", 2, seen)
	_, known, _ = m.Get("a")
	require.True(t, known)
}

func TestTheLastOnesAreKnownAndNoneTwiceAsOld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		m := recent.New[int, int](size)
		var used []int // newest last
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			k := rapid.IntRange(0, 30).Draw(t, "key")
			v, known, seen := m.Get(k)
			if known {
				require.Equal(t, k*k, v)
			} else {
				require.NotContains(t, last(used, size), k, "it was used lately")
				m.Put(k, k*k, seen)
			}
			used = append(without(used, k), k)
		}
		remembered := 0
		for k := range 31 {
			if _, known, _ := m.Get(k); known {
				remembered++
			}
		}
		require.LessOrEqual(t, remembered, 3*size, "asking moves some to the front, and drops others")
	})
}

func last(list []int, n int) []int { return list[max(0, len(list)-n):] }

func without(list []int, k int) (rest []int) {
	for _, v := range list {
		if v != k {
			rest = append(rest, v)
		}
	}
	return rest
}
