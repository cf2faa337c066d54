package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// resolve does what a person does who ends an incident by hand.
func (w *world) resolve(watch *crontopus.Watch) {
	for i := range w.incidents {
		if in := &w.incidents[i]; in.Open() {
			at := w.now
			in.State, in.ResolvedAt, in.Resolution = crontopus.IncidentResolved, &at, crontopus.ResolvedByHand
		}
	}
	watch.LookAt = w.now
}

func TestWhatAPersonResolvedIsNotOpenedAgainForTheSameFailure(t *testing.T) {
	w := newWorld(hourly, grace(time.Minute))
	w.until(noon.Add(time.Hour), true)
	w.run(noon.Add(time.Hour), crontopus.EventFailure)
	w.until(noon.Add(time.Hour+time.Minute), true)
	require.True(t, new(w.only(t)).Open())
	w.resolve(w.entry())
	w.until(noon.Add(2*time.Hour), true)
	require.Equal(t, crontopus.ResolvedByHand, w.only(t).Resolution)

	w.run(noon.Add(2*time.Hour), crontopus.EventFailure)
	w.until(noon.Add(2*time.Hour+time.Minute), true)
	require.Len(t, w.incidents, 2)
	require.Equal(t, 1, w.incidents[1].Failures, "what was resolved counts no more")
}

func TestAConditionOfAHostThatAPersonResolvedStaysClosedUntilItHasEndedOnce(t *testing.T) {
	w := newWorld(hourly, grace(time.Minute))
	broken := func(r *crontopus.AgentReport) { r.Error = "crontab: permission denied" }
	mended := func(r *crontopus.AgentReport) { r.Error = "" }
	w.report(broken)
	w.until(noon.Add(5*time.Minute), true)
	require.Equal(t, crontopus.AlertDrift, w.only(t).Kind)
	w.resolve(w.watches[w.incidents[0].WatchID])
	w.until(noon.Add(30*time.Minute), true)
	w.only(t)
	w.report(mended)
	w.until(noon.Add(35*time.Minute), true)
	w.report(broken)
	w.until(noon.Add(40*time.Minute), true)
	require.Len(t, w.incidents, 2)
}
