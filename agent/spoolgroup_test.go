package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func TestWhoAddsWhileAnotherWritesSharesTheNextFile(t *testing.T) {
	var g groups
	var written []string
	begun, goOn := make(chan struct{}), make(chan struct{})
	write := func(f spooled, data []byte) error {
		if len(written) == 0 {
			close(begun)
			<-goOn
		}
		written = append(written, fmt.Sprintf("%d %v %s", f.count, f.final, data))
		return nil
	}
	var all sync.WaitGroup
	all.Go(func() { require.NoError(t, g.add(spooled{count: 1}, []byte("a"), write)) })
	<-begun
	for range 3 {
		all.Go(func() { require.NoError(t, g.add(spooled{count: 1, final: true}, []byte("b"), write)) })
	}
	gathered := func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.next != nil && g.next.count == 3
	}
	require.Eventually(t, gathered, 10*time.Second, time.Millisecond)
	close(goOn)
	all.Wait()
	require.Equal(t, []string{"1 false a", "3 true bbb"}, written)
}

func TestAGroupThatCannotBeWrittenTellsAllOfIt(t *testing.T) {
	var g groups
	full := errors.New("no space left on device")
	errs := make(chan error, 200)
	var all sync.WaitGroup
	for range cap(errs) {
		all.Go(func() {
			errs <- g.add(spooled{count: 1}, []byte("a"), func(f spooled, _ []byte) error {
				require.LessOrEqual(t, f.count, maxTogether)
				return full
			})
		})
	}
	all.Wait()
	for range cap(errs) {
		require.ErrorIs(t, <-errs, full)
	}
}

// together puts check-ins for the named jobs into one file.
func together(t *testing.T, s *Spool, names ...string) {
	t.Helper()
	var g groups
	mine, first, err := g.join(spooled{count: 1, final: true}, nil)
	require.NoError(t, err)
	require.True(t, first)
	mine.count = 0
	for i, name := range names {
		c := crontopus.CheckIn{RunID: fmt.Sprint(i), Job: crontopus.JobName{Namespace: "default", Name: name}, Event: crontopus.EventSuccess}
		data, err := json.Marshal(c)
		require.NoError(t, err)
		mine.data, mine.count = append(append(mine.data, data...), '\n'), mine.count+1
	}
	mine.size = len(mine.data)
	require.NoError(t, s.write(mine.spooled, mine.data))
}

func TestAFileOfManyCheckInsIsDelivered(t *testing.T) {
	s := NewSpool(t.TempDir())
	together(t, s, "a", "b", "c")
	require.NoError(t, s.Add(crontopus.CheckIn{RunID: "d", Job: crontopus.JobName{Namespace: "default", Name: "d"}, Event: crontopus.EventStart}))
	n, err := s.Len()
	require.NoError(t, err)
	require.Equal(t, 4, n)

	var got []string
	answer := func(status int) Send {
		return func(_ context.Context, list []crontopus.CheckIn) ([]wire.CheckInResult, error) {
			results := make([]wire.CheckInResult, len(list))
			for i, c := range list {
				got = append(got, c.Job.Name)
				results[i].Status = http.StatusOK
				if c.Job.Name == "b" {
					results[i].Status = status
				}
			}
			return results, nil
		}
	}
	require.Error(t, s.Deliver(t.Context(), answer(http.StatusServiceUnavailable)))
	n, err = s.Len()
	require.NoError(t, err)
	require.Equal(t, 3, n, "the file of which one is to be sent again stays")
	require.NoError(t, s.Deliver(t.Context(), answer(http.StatusOK)))
	require.Equal(t, []string{"a", "b", "c", "d", "a", "b", "c"}, got)
	require.Zero(t, s.Dropped())
}

func TestOneCheckInThatIsRefusedDoesNotHoldUpTheRestOfItsFile(t *testing.T) {
	s := NewSpool(t.TempDir())
	together(t, s, "a", "bad", "c")
	var got []string
	require.NoError(t, s.Deliver(t.Context(), func(_ context.Context, list []crontopus.CheckIn) ([]wire.CheckInResult, error) {
		for _, c := range list {
			if c.Job.Name == "bad" {
				return nil, crontopus.Errorf(crontopus.CodeInvalid, "no such thing")
			}
		}
		for _, c := range list {
			got = append(got, c.Job.Name)
		}
		return make([]wire.CheckInResult, len(list)), nil
	}))
	require.Equal(t, []string{"a", "c"}, got)
	require.Equal(t, 1, s.Dropped())
	n, err := s.Len()
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestADamagedFileOfManyIsSetAsideAndCounted(t *testing.T) {
	s := NewSpool(t.TempDir())
	together(t, s, "a", "b")
	files, err := s.list()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.dir+"/"+files[0].name(), []byte(`{"runId":"1"`), 0o600))
	require.NoError(t, s.Deliver(t.Context(), func(context.Context, []crontopus.CheckIn) ([]wire.CheckInResult, error) {
		return nil, errors.New("nothing is to be sent")
	}))
	require.Equal(t, 2, s.Dropped())
}
