package agent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestWhatAFullSpoolLetsGo(t *testing.T) {
	start := func(id string) spooled { return spooled{id, false, 10, 1} }
	final := func(id string) spooled { return spooled{id, true, 10, 1} }
	waiting := []spooled{final("1"), start("2"), final("3"), start("4"), final("5")}
	for _, c := range []struct {
		name            string
		most, mostBytes int
		want            []spooled
	}{
		{"within its limits", 5, 50, nil},
		{"the oldest start first", 4, 50, []spooled{start("2")}},
		{"then the other starts", 3, 50, []spooled{start("2"), start("4")}},
		{"then the oldest of all", 1, 50, []spooled{start("2"), start("4"), final("1"), final("3")}},
		{"by bytes", 5, 35, []spooled{start("2"), start("4")}},
		{"everything, if need be", 5, 5, []spooled{start("2"), start("4"), final("1"), final("3"), final("5")}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, excess(waiting, c.most, c.mostBytes)) })
	}
}

func TestAFileOfManyCheckInsCountsAsMany(t *testing.T) {
	one, many := spooled{"1", false, 10, 1}, spooled{"2", true, 50, 5}
	require.Equal(t, []spooled{one}, excess([]spooled{one, many}, 5, 100))
	require.Equal(t, []spooled{one, many}, excess([]spooled{one, many}, 4, 100))
}

func TestASpoolMakesRoomAndCountsWhatItLost(t *testing.T) {
	s := NewSpool(t.TempDir())
	s.most = 3
	c := crontopus.CheckIn{RunID: "r", Job: crontopus.JobName{Namespace: "default", Name: "job"}, Event: crontopus.EventStart}
	for range 3 {
		require.NoError(t, s.Add(c))
		s.added = 0 // as a process of its own would
	}
	require.NoError(t, s.Add(c))
	n, err := s.Len()
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, 1, s.Dropped())
}
