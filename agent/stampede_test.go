package agent_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// nextPoll waits for the agent's next poll and returns how long that took.
func (d *duty) nextPoll() time.Duration {
	polls, _ := d.server.counted()
	begin := time.Now()
	for {
		if now, _ := d.server.counted(); now > polls {
			return time.Since(begin)
		}
		d.after(100 * time.Millisecond)
	}
}

// A server that stops lets all agents go at one instant. They come back spread, not as one.
func TestAgentsThatAServerLetsGoComeBackSpread(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Minute)
		var back []time.Duration
		for range 40 {
			d.server.letGo()
			back = append(back, d.nextPoll())
			d.after(5 * time.Second)
		}
		slices.Sort(back)
		require.LessOrEqual(t, back[39], 4200*time.Millisecond, "soon")
		require.Less(t, back[4], 2*time.Second)
		require.Greater(t, back[35], 2*time.Second)
	})
}

// What a day without a server left in the spool comes in order and whole, and an agent
// asks a server that is away three to six times a minute.
func TestADayWithoutAServer(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Second)
		d.server.fail(crontopus.Errorf(crontopus.CodeUnavailable, "no server is listening"))
		var said []string
		for range 24 {
			for _, event := range []crontopus.Event{crontopus.EventStart, crontopus.EventSuccess} {
				c := crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: named("a"), Event: event, At: time.Now()}
				require.NoError(t, d.spool.Add(c))
				said = append(said, c.RunID)
			}
			d.after(time.Hour)
		}
		polls, _ := d.server.counted()
		require.LessOrEqual(t, polls, 6*60*24)
		require.GreaterOrEqual(t, polls, 3*60*24)

		d.server.fail(nil)
		d.after(30 * time.Second)
		var heard []string
		for _, c := range d.server.delivered() {
			heard = append(heard, c.RunID)
		}
		require.Equal(t, said, heard)
		require.Equal(t, []string{"a"}, d.table.names())
	})
}

// busy is a server's 503 that says when to come back.
type busy struct{ error }

func (busy) RetryAfter() time.Duration { return time.Minute }

func TestABusyServerIsNotAskedBeforeItsTime(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Minute)
		d.server.fail(busy{crontopus.Errorf(crontopus.CodeUnavailable, "too many agents")})
		d.settle()
		d.daemon.Wake()
		require.GreaterOrEqual(t, d.nextPoll(), 59*time.Second)
	})
}

// A restart between a check-in's commit and its answer, or before it: the check-in is sent
// again, and nothing is lost.
func TestCheckInsThatARestartCutsOffAreSentAgain(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Second)
		first := crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: named("a"), Event: crontopus.EventStart, At: time.Now()}
		require.NoError(t, d.spool.Add(first))
		var tries atomic.Int64
		cut := func(ctx context.Context, c []crontopus.CheckIn) ([]wire.CheckInResult, error) {
			results, err := d.server.CheckIns(ctx, c)
			if tries.Add(1) == 1 {
				return nil, crontopus.Errorf(crontopus.CodeUnavailable, "the connection was closed")
			}
			return results, err
		}
		require.Error(t, d.spool.Deliver(t.Context(), cut))
		waiting, err := d.spool.Len()
		require.NoError(t, err)
		require.Equal(t, 1, waiting, "without an answer it stays")
		require.NoError(t, d.spool.Deliver(t.Context(), cut))
		require.Len(t, d.server.delivered(), 2, "the server has it twice, under one run id")
	})
}
