package diff

import (
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/forecast"
)

// Report is all that a change means.
type Report struct {
	From    string   `json:"from"` // what was compared, in words
	To      string   `json:"to"`
	Notes   []string `json:"notes"` // what to know of the comparison itself
	Summary Summary  `json:"summary"`
	Guard   Guard    `json:"guard"`
	Changes []Change `json:"changes"` // what goes comes first
	Hosts   []Host   `json:"hosts"`

	Alerting []AlertingChange `json:"alerting"` // of what Alerting has compared

	Collisions     []forecast.Collision `json:"collisions"`     // the worst of those that are new
	CollisionCount int                  `json:"collisionCount"` // of all that are new
}

// Summary counts how far the change reaches.
type Summary struct {
	Jobs       JobCounts `json:"jobs"`
	HostsKnown bool      `json:"hostsKnown"` // else Hosts, HostsOf and Entries count nothing
	Hosts      int       `json:"hosts"`      // that get another crontab, or an entry that starts something else
	HostsOf    int       `json:"hostsOf"`    // that there are
	Entries    Entries   `json:"entries"`
}

// JobCounts counts jobs.
type JobCounts struct {
	Removed   int `json:"removed"`
	Changed   int `json:"changed"`
	Added     int `json:"added"`
	Unchanged int `json:"unchanged"`
}

// Entries counts jobs on hosts.
type Entries struct {
	Removed int `json:"removed"`
	Changed int `json:"changed"`
	Added   int `json:"added"`
}

// Guard is what the guard of mass removals will make of the change.
type Guard struct {
	Verdict Verdict `json:"verdict"`
	Removed int     `json:"removed"` // entries
	Of      int     `json:"of"`      // that there were
}

// Verdict is the guard's.
type Verdict string

// The verdicts.
const (
	GuardPasses  Verdict = "passes"
	GuardHolds   Verdict = "holds"   // until a person approves
	GuardUnknown Verdict = "unknown" // it counts entries, and nobody told the hosts
)

// Fleet is the hosts that a change may reach, as the server or an inventory tells them.
type Fleet struct {
	Known  bool
	Agents []crontopus.Agent
}

// New compares two states of one source's manifests. Runs are those after a time.
func New(before, after []crontopus.DesiredJob, fleet Fleet, from time.Time) *Report {
	r := &Report{Notes: []string{}, Changes: Jobs(before, after), Hosts: []Host{}, Alerting: []AlertingChange{}}
	if r.Changes == nil {
		r.Changes = []Change{}
	}
	moves := make([]manifests.Move, len(r.Changes))
	for i := range r.Changes {
		c := &r.Changes[i]
		moves[i] = c.Move
		c.count(fleet.Agents)
		c.tellRuns(zoneFor(c, fleet.Agents), from)
	}
	r.Hosts = hosts(r.Changes, fleet, from)
	if r.Collisions = []forecast.Collision{}; r.Different() {
		r.Collisions, r.CollisionCount = collisions(before, after, fleet, from)
	}
	r.summarize(before, fleet)
	r.Guard = guard(before, after, moves, fleet)
	return r
}

// Different reports whether anything is.
func (r *Report) Different() bool { return len(r.Changes)+len(r.Alerting) > 0 }

// count counts the change's entries.
func (c *Change) count(agents []crontopus.Agent) {
	for i := range agents {
		switch had, has := c.On(&agents[i]); {
		case had && has:
			c.Entries.Changed++
		case had:
			c.Entries.Removed++
		case has:
			c.Entries.Added++
		}
	}
}

func (r *Report) summarize(before []crontopus.DesiredJob, fleet Fleet) {
	s := &r.Summary
	for _, c := range r.Changes {
		switch c.Kind {
		case Removed:
			s.Jobs.Removed++
		case Changed:
			s.Jobs.Changed++
		case Added:
			s.Jobs.Added++
		}
		s.Entries.Removed += c.Entries.Removed
		s.Entries.Changed += c.Entries.Changed
		s.Entries.Added += c.Entries.Added
	}
	s.Jobs.Unchanged = len(before) - s.Jobs.Removed - s.Jobs.Changed
	s.HostsKnown = fleet.Known
	for _, h := range r.Hosts {
		s.Hosts += len(h.Agents)
	}
	for i := range fleet.Agents {
		if fleet.Agents[i].RevokedAt == nil {
			s.HostsOf++
		}
	}
}

// guard asks the rule of mass removals. Where nobody knows the hosts it still knows a change
// that can take nothing away, and one that leaves nothing.
func guard(before, after []crontopus.DesiredJob, moves []manifests.Move, fleet Fleet) Guard {
	if fleet.Known {
		g := Guard{Verdict: GuardPasses, Removed: len(manifests.Removed(moves, fleet.Agents)), Of: len(manifests.Entries(before, fleet.Agents))}
		if manifests.MassRemoval(g.Removed, before, after, fleet.Agents) {
			g.Verdict = GuardHolds
		}
		return g
	}
	takesAway := false
	for _, m := range moves {
		takesAway = takesAway || runs(m.Before) && (!runs(m.After) || targetOf(m.Before) != targetOf(m.After))
	}
	switch {
	case !takesAway:
		return Guard{Verdict: GuardPasses}
	case !anyRuns(after):
		return Guard{Verdict: GuardHolds}
	}
	return Guard{Verdict: GuardUnknown}
}

func runs(d *crontopus.DesiredJob) bool { return d != nil && !d.Job.Spec.Suspend }

func anyRuns(jobs []crontopus.DesiredJob) bool {
	for i := range jobs {
		if runs(&jobs[i]) {
			return true
		}
	}
	return false
}

// Own marks the new jobs whose names belong to other sources: the revision will be refused.
func (r *Report) Own(others map[crontopus.JobName]string) {
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Kind == Added {
			c.Owner = others[c.Job]
		}
	}
}
