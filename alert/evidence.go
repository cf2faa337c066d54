package alert

import (
	"fmt"
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
		list = append(list, crontopus.Evidence{What: "last run", Says: string(e.Newest.State), At: &at})
	}
	if c := &e.Job.Commit; c.Hash != "" {
		at := c.At
		list = append(list, crontopus.Evidence{What: "last changed by", Says: commitWords(e.Job), At: &at, Link: commitLink(e.SourceURL, c.Hash)})
	}
	return append(list, elsewhere(e.Elsewhere)...)
}

// hostEvidence is what is known of a host.
func hostEvidence(a *crontopus.Agent) []crontopus.Evidence {
	r := &a.Status.Report
	list := []crontopus.Evidence{{What: "last heartbeat", Says: heartbeatWords(a), At: a.Status.LastSeenAt}}
	if d := a.Status.SpoolDrained; d != nil {
		list = append(list, crontopus.Evidence{What: "check-ins delivered", Says: "all up to then", At: d})
	}
	list = append(list, crontopus.Evidence{What: "generation", Says: fmt.Sprintf("%s applied of %s published", r.Applied, a.Status.Desired)})
	for _, d := range r.Drift[max(0, len(r.Drift)-5):] {
		list = append(list, crontopus.Evidence{What: "drift", Says: strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Entry, d.Kind, d.Detail)), At: &d.At})
	}
	if h := r.Host; h != nil && h.BootedAt != nil {
		list = append(list, crontopus.Evidence{What: "booted", Says: "boot id " + h.BootID, At: h.BootedAt})
	}
	if skew := r.ClockSkew(); skew.Abs() > clockTolerance {
		list = append(list, crontopus.Evidence{What: "clock", Says: span(skew) + " " + aheadOrBehind(skew)})
	}
	return list
}

func heartbeatWords(a *crontopus.Agent) string {
	if a.Status.LastSeenAt == nil {
		return "never, since it enrolled"
	}
	return "agent " + a.Status.Report.Version
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
