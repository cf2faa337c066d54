package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const (
	reportEvery = 4 * time.Minute // when nothing changes
	driftKept   = time.Hour       // how long a repaired drift is told
	maxDrift    = 100
)

// Reporter is the server as a reporter sees it; *client.Client is one.
type Reporter interface {
	Report(ctx context.Context, report crontopus.AgentReport) error
}

// reporter knows what there is to say about this host. It writes it down for `status`,
// and tells the server when it changes, or after a while when it does not.
type reporter struct {
	state  State
	server Reporter
	now    func() time.Time
	log    *slog.Logger

	reloadKey func(context.Context) (bool, error)
	hostZone  func() string
	crontab   func() crontopus.Crontab // nil: the scheduler keeps none
	health    *health
	rest      func()      // see DaemonOptions
	wake      loop.Signal // something may have changed

	mu     sync.Mutex
	report crontopus.AgentReport // what there is to say; guarded by mu
	online bool                  // no use to try while polls fail; guarded by mu

	sent   []byte // what was last told, without its time; used by tell only
	sentAt time.Time
	noted  Unreached // what the report's file says of the server; used by tell only
}

// HostReport is what there is to say about this host, and what the host alone knows: that it cannot say it.
type HostReport struct {
	crontopus.AgentReport
	Unreached *Unreached `json:"unreached,omitempty"` // nil while the server answers
}

// Unreached is a server that does not answer this agent, or does not accept it any more.
type Unreached struct {
	Since time.Time `json:"since"` // when it was last heard, or the daemon started
	Why   string    `json:"why"`   // what the last attempt ended with
}

// LoadReport returns what was last to be said about this host; the zero report if there is
// none.
func (s State) LoadReport() HostReport {
	var r HostReport
	if readJSON(s.ReportFile(), &r) != nil {
		return HostReport{}
	}
	return r
}

// resume goes on from what an earlier daemon had to say, until this one knows better.
func (r *reporter) resume() {
	last := r.state.LoadReport()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Applied, r.report.Refused = last.Applied, last.Refused
	r.report.Denied, r.report.Drift = last.Denied, last.Drift
	if last.Host != nil {
		r.health.host.CheckInsLost = last.Host.CheckInsLost
	}
}

// Run tells the server until ctx ends.
func (r *reporter) Run(ctx context.Context) error {
	l := loop.Loop{
		Name: "reporting to the server", Interval: reportEvery, Wake: r.wake, Log: r.log, Step: r.tell,
		Backoff: loop.Backoff{Min: time.Second, Max: 30 * time.Second},
	}
	return l.Run(ctx)
}

// judged notes the verdict about the newest bundle.
func (r *reporter) judged(refusal *crontopus.Refusal) {
	r.change(func(report *crontopus.AgentReport) { report.Refused = refusal })
}

// reconciled notes what a reconcile came to.
func (r *reporter) reconciled(out Outcome, err error) {
	r.change(func(report *crontopus.AgentReport) {
		report.Applied, report.Denied, report.Error = out.Applied, out.Denied, ""
		if err != nil {
			report.Error = err.Error()
		}
		report.Drift = append(report.Drift, out.Drift...)
	})
}

// reachable notes what the last poll ended with.
func (r *reporter) reachable(err error) {
	now := r.now()
	r.mu.Lock()
	r.online = err == nil
	r.health.still.look(now, &r.health.host) // before what a connection that broke meanwhile is told as
	r.health.heard(now, err)
	r.mu.Unlock()
	r.state.alive(now)
	r.wake.Send()
}

// lost notes that a check-in could not be kept. Where one cannot, the next ones cannot either: the
// first is told at once, the others with whatever there is to tell.
func (r *reporter) lost(why string) {
	now := r.now()
	r.mu.Lock()
	first := r.health.lost(now, why)
	r.mu.Unlock()
	if first {
		r.wake.Send()
	}
}

func (r *reporter) change(f func(*crontopus.AgentReport)) {
	r.mu.Lock()
	f(&r.report)
	r.mu.Unlock()
	r.wake.Send()
}

// tell sends the report if it says something new, or if the last one is old.
func (r *reporter) tell(ctx context.Context) error {
	defer r.rest()
	now := r.now()
	report, unreached := r.current(now)
	content, err := json.Marshal(report)
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "cannot encode the report: %w", err)
	}
	if string(content) == string(r.sent) && unreached == r.noted && now.Sub(r.sentAt).Abs() < reportEvery { // a clock that was set back must be told of, too
		return nil
	}
	report.At = now.UTC()
	note := HostReport{AgentReport: report}
	if unreached != (Unreached{}) {
		note.Unreached = &unreached
	}
	kept := writeJSON(r.state.ReportFile(), note) // the server hears of a full disk all the same
	if kept == nil {
		r.noted = unreached
	}
	if note.Unreached != nil {
		return kept
	}
	if err := withReload(ctx, r.reloadKey, func() error { return r.server.Report(ctx, report) }); err != nil {
		return errors.Join(err, kept)
	}
	r.sent, r.sentAt = content, now
	return kept
}

// current returns the report as of now, and why the server cannot be told: the zero Unreached if it can.
func (r *reporter) current(now time.Time) (crontopus.AgentReport, Unreached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := func(d crontopus.Drift) bool { return now.Sub(d.At) > driftKept }
	r.report.Drift = slices.DeleteFunc(r.report.Drift, old)
	if over := len(r.report.Drift) - maxDrift; over > 0 {
		r.report.Drift = slices.Delete(r.report.Drift, 0, over)
	}
	report := r.report
	report.Drift = slices.Clone(r.report.Drift)
	report.Paused, report.Timezone = r.state.Paused(), r.hostZone()
	report.Host = r.health.now(now, r.wake.Send)
	if r.crontab != nil {
		crontab := r.crontab()
		report.Crontab = &crontab
	}
	if r.online {
		return report, Unreached{}
	}
	return report, Unreached{r.health.lastly.UTC(), r.health.cut.Error()}
}

// expired notes that the bundle in force is past its end and nobody renews it.
func (r *reporter) expired(b *crontopus.Bundle) {
	r.change(func(report *crontopus.AgentReport) {
		if report.Refused == nil {
			report.Refused = refuse(b, crontopus.RefusedExpired, "generation %s expired at %s and was not renewed; its jobs go on, and nothing changes until it is",
				b.Gen(), b.Expires.UTC().Format(time.RFC3339))
		}
	})
}

// lastOutcome returns what the last reconcile came to, without its drift.
func (r *reporter) lastOutcome() Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Outcome{Applied: r.report.Applied, Denied: r.report.Denied}
}

func (r *reporter) isOnline() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.online
}
