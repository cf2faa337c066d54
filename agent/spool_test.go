package agent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
)

// spooledServer answers check-ins as a test says and remembers what it took.
type spooledServer struct {
	mu     sync.Mutex
	answer func(crontopus.CheckIn) int // an item's status; nil: 200
	fail   func(batch int) error       // a whole request's error
	calls  int
	taken  []string
}

func (s *spooledServer) send(_ context.Context, batch []crontopus.CheckIn) ([]wire.CheckInResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil {
		if err := s.fail(len(batch)); err != nil {
			return nil, err
		}
	}
	results := answers(len(batch), 200)
	for i, c := range batch {
		if s.answer != nil {
			results[i].Status = s.answer(c)
		}
		if results[i].Status == 200 {
			s.taken = append(s.taken, c.RunID)
		}
	}
	return results, nil
}

func checkIn(id string, event crontopus.Event) crontopus.CheckIn {
	return crontopus.CheckIn{RunID: id, Job: jobName("default/job"), Event: event, At: at}
}

func fill(t *testing.T, spool *agent.Spool, n int) (ids []string) {
	t.Helper()
	for i := range n {
		ids = append(ids, fmt.Sprintf("run-%04d", i))
		require.NoError(t, spool.Add(checkIn(ids[i], crontopus.EventSuccess)))
	}
	return ids
}

func spooled(t *testing.T, spool *agent.Spool) int {
	t.Helper()
	n, err := spool.Len()
	require.NoError(t, err)
	return n
}

func TestWhatWasSpooledIsDeliveredOnceAndInOrder(t *testing.T) {
	spool := agent.NewSpool(t.TempDir())
	ids := fill(t, spool, 1200)
	server := &spooledServer{fail: func(int) error { return crontopus.Errorf(crontopus.CodeUnavailable, "the server is down") }}
	require.ErrorContains(t, spool.Deliver(t.Context(), server.send), "the server is down")
	require.Equal(t, 1200, spooled(t, spool))

	server.fail = nil
	require.NoError(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, ids, server.taken)
	require.Equal(t, 3, server.calls, "one failed, two to deliver")
	require.Zero(t, spooled(t, spool))
	require.NoError(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, 3, server.calls)
}

func TestARefusedCheckInIsSettledAndATransientOneStays(t *testing.T) {
	spool := agent.NewSpool(t.TempDir())
	fill(t, spool, 5)
	status := map[string]int{"run-0000": 404, "run-0001": 403, "run-0002": 400, "run-0003": 503}
	server := &spooledServer{answer: func(c crontopus.CheckIn) int {
		if s, ok := status[c.RunID]; ok {
			return s
		}
		return 200
	}}
	require.Error(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, []string{"run-0004"}, server.taken)
	require.Equal(t, 1, spooled(t, spool))
	delete(status, "run-0003")
	require.NoError(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, []string{"run-0004", "run-0003"}, server.taken)
}

func TestOneThatTheServerCannotTakeDoesNotBlockTheOthers(t *testing.T) {
	spool := agent.NewSpool(t.TempDir())
	fill(t, spool, 9)
	poison := func(_ context.Context, batch []crontopus.CheckIn) ([]wire.CheckInResult, error) {
		for _, c := range batch {
			if c.RunID == "run-0006" {
				return nil, crontopus.Errorf(crontopus.CodeTooLarge, "too large")
			}
		}
		return answers(len(batch), 200), nil
	}
	require.NoError(t, spool.Deliver(t.Context(), poison))
	require.Zero(t, spooled(t, spool))
	require.Equal(t, 1, spool.Dropped())
}

func TestWhatWasSpooledTogetherKeepsItsTimeWhenItIsTakenApart(t *testing.T) {
	dir := t.TempDir()
	spool := agent.NewSpool(dir)
	require.NoError(t, spool.Add(checkIn("run-a", crontopus.EventStart), checkIn("run-b", crontopus.EventSuccess), checkIn("run-c", crontopus.EventStart)))
	files, err := filepath.Glob(filepath.Join(dir, "*x3.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	old := time.UnixMilli(0x019000000000)
	require.NoError(t, os.Rename(files[0], filepath.Join(dir, "01900000-0000-7abc-8000-000000000000"+filepath.Base(files[0])[36:])))
	server := &spooledServer{fail: func(batch int) error {
		if batch > 1 {
			return crontopus.Errorf(crontopus.CodeTooLarge, "too large together")
		}
		return crontopus.Errorf(crontopus.CodeUnavailable, "the server is down")
	}}
	require.Error(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, 3, spooled(t, spool))
	drained, err := spool.DrainedUpTo(time.Now())
	require.NoError(t, err)
	require.True(t, drained.Before(old), "they have waited since then")
	server.fail = nil
	require.NoError(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, []string{"run-a", "run-b", "run-c"}, server.taken)
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	spool := agent.NewSpool(t.TempDir())
	for i := range 12 {
		c := checkIn(fmt.Sprint(i), crontopus.EventSuccess)
		c.Output = make([]byte, 100<<10)
		require.NoError(t, spool.Add(c))
	}
	server := &spooledServer{fail: func(batch int) error {
		if batch > 4 {
			return errors.New("more than half a megabyte")
		}
		return nil
	}}
	require.NoError(t, spool.Deliver(t.Context(), server.send))
	require.Len(t, server.taken, 12)
}

func TestADamagedFileIsSetAside(t *testing.T) {
	dir := t.TempDir()
	spool := agent.NewSpool(dir)
	fill(t, spool, 3)
	files, err := filepath.Glob(filepath.Join(dir, "*.final.*.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[1], []byte("{half"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".crontopus-123"), []byte("a write that was cut off"), 0o600))

	server := &spooledServer{}
	require.NoError(t, spool.Deliver(t.Context(), server.send))
	require.Equal(t, []string{"run-0000", "run-0002"}, server.taken)
	require.Zero(t, spooled(t, spool))
	require.Equal(t, 1, spool.Dropped())
	kept, err := os.ReadFile(filepath.Join(dir, "damaged"))
	require.NoError(t, err)
	require.Equal(t, "{half", string(kept))
}

func TestTwoThatDeliverAtOnceSendNothingTwice(t *testing.T) {
	dir := t.TempDir()
	ids := fill(t, agent.NewSpool(dir), 50)
	server := &spooledServer{}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { require.NoError(t, agent.NewSpool(dir).Deliver(context.Background(), server.send)) })
	}
	group.Wait()
	require.Equal(t, ids, server.taken)
}

func TestHowFarTheSpoolIsDrained(t *testing.T) {
	spool := agent.NewSpool(t.TempDir())
	now := time.Now()
	drained, err := spool.DrainedUpTo(now)
	require.NoError(t, err)
	require.WithinDuration(t, now, drained, 10*time.Second)
	require.True(t, drained.Before(now))

	fill(t, spool, 1)
	drained, err = spool.DrainedUpTo(now.Add(time.Hour))
	require.NoError(t, err)
	require.WithinDuration(t, now, drained, time.Minute)
	require.True(t, drained.Before(now), "not up to what still waits")
}

func TestASpoolThatIsGone(t *testing.T) {
	spool := agent.NewSpool(filepath.Join(t.TempDir(), "gone"))
	require.ErrorContains(t, spool.Add(checkIn("r", crontopus.EventStart)), "cannot spool a check-in")
	require.ErrorContains(t, spool.Deliver(t.Context(), nil), "cannot lock the spool")
}

func FuzzSpoolFile(f *testing.F) {
	f.Add([]byte(`{"runId":"r","job":"default/job","event":"start","at":"2026-11-23T12:00:00Z"}`))
	f.Add([]byte(`{"runId":"r","job":"default/job","event":"dance"}`))
	f.Add([]byte("{half"))
	f.Add([]byte(strings.Repeat("[", 100_000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		spool := agent.NewSpool(dir)
		require.NoError(t, spool.Add(checkIn("good", crontopus.EventSuccess)))
		name := fmt.Sprintf("01900000-0000-7000-8000-000000000000.start.%d.json", len(data))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		server := &spooledServer{}
		require.NoError(t, spool.Deliver(context.Background(), server.send))
		require.Equal(t, "good", server.taken[len(server.taken)-1], "whatever comes before it")
		require.Zero(t, spooled(t, spool))
	})
}
