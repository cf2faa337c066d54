package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// evidence is what is known of an entry when something is wrong with it.
func (e *entry) evidence() []crontopus.Evidence {
	var list []crontopus.Evidence
	if e.Agent != nil {
		list = append(list, hostEvidence(e.Agent)...)
	}
	if e.Newest != nil {
		at := place(e.Newest)
		if end := e.Newest.Finished; end != nil {
			at = *end
		}
		list = append(list, crontopus.Evidence{What: "last check-in", Says: checkInWords(e.Newest), At: &at})
	}
	list = append(list, commitEvidence(&e.Job.Commit, e.SourceURL)...)
	return append(list, elsewhere(e.Elsewhere)...)
}

func checkInWords(r *crontopus.Run) string {
	if r.ExitCode != nil && *r.ExitCode != 0 {
		return string(r.State) + ", exit code " + strconv.Itoa(*r.ExitCode)
	}
	return strings.TrimSpace(string(r.State) + " " + r.Reason)
}

func commitEvidence(c *crontopus.Commit, source string) []crontopus.Evidence {
	if c.Hash == "" {
		return nil
	}
	at := c.At
	return []crontopus.Evidence{{What: "last changed by", Says: commitText(c), At: &at, Link: commitLink(source, c.Hash)}}
}

// hostEvidence is what is known of a host.
func hostEvidence(a *crontopus.Agent) []crontopus.Evidence {
	r := &a.Status.Report
	list := []crontopus.Evidence{heartbeatEvidence(a)}
	if d := a.Status.SpoolDrained; d != nil {
		list = append(list, crontopus.Evidence{What: "check-ins delivered", Says: "all up to then", At: d})
	}
	list = append(list, crontopus.Evidence{What: "generation", Says: fmt.Sprintf("%s applied of %s published", r.Applied, a.Status.Desired)})
	for _, d := range r.Drift[max(0, len(r.Drift)-5):] {
		list = append(list, crontopus.Evidence{What: "drift", Says: strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Entry, d.Kind, d.Detail)), At: &d.At})
	}
	if r.Paused {
		list = append(list, crontopus.Evidence{What: "paused", Says: "by hand, on the host"})
	}
	list = append(list, healthEvidence(r)...)
	if skew := r.ClockSkew(); skew.Abs() > clockTolerance {
		list = append(list, crontopus.Evidence{What: "clock", Says: span(skew) + " " + aheadOrBehind(skew)})
	}
	return list
}

// healthEvidence is what a host says of its scheduler, its start and its network.
func healthEvidence(r *crontopus.AgentReport) (list []crontopus.Evidence) {
	h := r.Host
	if h == nil {
		return nil
	}
	scheduler := crontopus.Evidence{What: "scheduler", Says: r.Scheduler + ": nothing is wrong with it"}
	switch {
	case h.SchedulerDead != "":
		scheduler.Says = r.Scheduler + ": " + h.SchedulerDead
	case h.SchedulerWas != nil:
		scheduler.Says, scheduler.At = r.Scheduler+", until then: "+h.SchedulerWas.Why, &h.SchedulerWas.Until
	}
	list = append(list, scheduler)
	if h.BootedAt != nil {
		list = append(list, crontopus.Evidence{What: "booted", Says: "boot id " + h.BootID, At: h.BootedAt})
	}
	list = append(list, crontopus.Evidence{What: "agent started", Says: "version " + r.Version, At: &h.StartedAt})
	for _, still := range []*crontopus.Outage{h.Slept, h.Suspended} {
		if still != nil {
			list = append(list, crontopus.Evidence{What: "stood still", Says: "until then: " + still.Why, At: &still.Until})
		}
	}
	if h.UnheardUntil != nil {
		list = append(list, crontopus.Evidence{What: "cut off", Says: "until then: " + h.UnheardWhy, At: h.UnheardUntil})
	}
	return list
}

// heartbeatEvidence takes the first report for a heartbeat: it is stored at once, the heartbeats seconds later.
func heartbeatEvidence(a *crontopus.Agent) crontopus.Evidence {
	e := crontopus.Evidence{What: "last heartbeat", Says: "agent " + a.Status.Report.Version, At: a.Status.LastSeenAt}
	if received := a.Status.Report.ReceivedAt; e.At == nil && !received.IsZero() {
		e.At = &received
	}
	if e.At == nil {
		e.Says = "never, since it enrolled"
	}
	return e
}

// runEvidence is what a run says of itself.
func runEvidence(r *crontopus.Run) []crontopus.Evidence {
	at := place(r)
	list := []crontopus.Evidence{{What: "run", Says: r.ID, At: &at}}
	if r.ExitCode != nil {
		list = append(list, crontopus.Evidence{What: "exit code", Says: fmt.Sprint(*r.ExitCode)})
	}
	if r.Attempt > 1 {
		list = append(list, crontopus.Evidence{What: "attempts", Says: fmt.Sprint(r.Attempt)})
	}
	if r.Duration > 0 {
		list = append(list, crontopus.Evidence{What: "duration", Says: crontopus.Duration(r.Duration.Std().Round(time.Millisecond)).String()})
	}
	if text := lastLines(r.Output, outputExcerpt); text != "" {
		list = append(list, crontopus.Evidence{What: "output", Says: text})
	}
	return list
}

// elsewhere is the same job's record on other hosts.
func elsewhere(runs []crontopus.Run) []crontopus.Evidence {
	var list []crontopus.Evidence
	for i := range runs {
		at := place(&runs[i])
		list = append(list, crontopus.Evidence{What: "on " + runs[i].Agent, Says: string(runs[i].State), At: &at})
	}
	return list
}
