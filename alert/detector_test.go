package alert_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
)

// told is an observer, and a store of one world whose every batch is judged twice, as when another
// transaction got in the way.
type told struct {
	w       *world
	fails   error
	watches int
	late    time.Duration
	opened  []crontopus.AlertKind
	lags    map[crontopus.AlertKind]time.Duration
	ended   context.CancelFunc
}

func (o *told) Looked(watches int, lag time.Duration) { o.watches, o.late = watches, lag }
func (o *told) IncidentOpened(kind crontopus.AlertKind) {
	o.opened = append(o.opened, kind)
}
func (o *told) Detected(kind crontopus.AlertKind, lag time.Duration) { o.lags[kind] = lag }

func (o *told) SystemAdopt(context.Context, time.Time) error { return nil }

func (o *told) SystemLook(_ context.Context, _ time.Time, _ int, judge func([]crontopus.Look) []crontopus.Verdict) (int, error) {
	defer o.ended()
	look := o.w.see(o.w.entry())
	judge([]crontopus.Look{look})
	v := judge([]crontopus.Look{look})
	o.w.keep(&v[0])
	o.w.now = o.w.now.Add(250 * time.Millisecond) // the commit takes its time
	return 1, o.fails
}

// detected has a detector look once at what the world holds.
func detected(t *testing.T, w *world, fails error) *told {
	o := &told{w: w, fails: fails, lags: map[crontopus.AlertKind]time.Duration{}}
	ctx, cancel := context.WithCancel(t.Context())
	o.ended = cancel
	d := alert.NewDetector(alert.Detector{Store: o, Observer: o, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, d.Run(ctx))
	return o
}

func TestTheLagOfDetectionCountsFromTheEndOfTheGraceToTheCommit(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(time.Hour+4*time.Minute), true)
	w.now = noon.Add(time.Hour + 5*time.Minute + 2*time.Second)
	w.beat()
	o := detected(t, w, nil)
	require.Equal(t, 1, o.watches)
	require.Equal(t, 2*time.Second, o.late)
	require.Equal(t, []crontopus.AlertKind{crontopus.AlertMissed}, o.opened, "judged twice, committed once")
	require.Equal(t, map[crontopus.AlertKind]time.Duration{crontopus.AlertMissed: 2250 * time.Millisecond}, o.lags)
}

func TestTheLagOfALateStartCountsFromItsDeadline(t *testing.T) {
	w := newWorld(hourly, func(j *crontopus.Job) {
		j.Spec.Monitor.Grace, j.Spec.Monitor.StartDeadline = crontopus.Duration(time.Hour/2), crontopus.Duration(time.Minute)
	})
	w.until(noon.Add(time.Hour+59*time.Second), true)
	w.now = noon.Add(time.Hour + 61*time.Second)
	w.beat()
	o := detected(t, w, nil)
	require.Equal(t, map[crontopus.AlertKind]time.Duration{crontopus.AlertLateStart: 1250 * time.Millisecond}, o.lags)
}

func TestWhatTellsOfItselfHasNoLag(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(time.Hour), true)
	w.run(noon.Add(time.Hour), crontopus.EventFailure)
	o := detected(t, w, nil)
	require.Equal(t, []crontopus.AlertKind{crontopus.AlertFailed}, o.opened)
	require.Empty(t, o.lags)
}

// adopter counts how often a detector makes good what it may have missed.
type adopter struct {
	times   []time.Time
	adopted int
	end     context.CancelFunc
}

func (a *adopter) now() time.Time {
	now := a.times[0]
	if a.times = a.times[1:]; len(a.times) == 0 {
		a.times = []time.Time{now}
		a.end()
	}
	return now
}

func (a *adopter) SystemAdopt(context.Context, time.Time) error { a.adopted++; return nil }

func (a *adopter) SystemLook(context.Context, time.Time, int, func([]crontopus.Look) []crontopus.Verdict) (int, error) {
	return 0, nil
}

func TestADetectorSeesThatItsClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
		a := &adopter{times: []time.Time{at(0), at(0), at(1), at(1), at(60), at(60), at(30), at(30), at(31), at(31)}} // each step asks twice
		ctx, cancel := context.WithCancel(t.Context())
		a.end = cancel
		d := alert.NewDetector(alert.Detector{Store: a, Now: a.now, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, d.Run(ctx))
		require.Equal(t, 2, a.adopted, "at first, and then")
	})
}

func TestAnIncidentThatIsNotCommittedIsNotToldOf(t *testing.T) {
	w := newWorld(hourly, grace(5*time.Minute))
	w.until(noon.Add(time.Hour+4*time.Minute), true)
	w.now = noon.Add(time.Hour + 6*time.Minute)
	w.beat()
	o := detected(t, w, crontopus.Errorf(crontopus.CodeUnavailable, "away"))
	require.Empty(t, o.opened)
	require.Zero(t, o.watches)
}
