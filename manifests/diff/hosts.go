package diff

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// Host is what the change does to the scheduler of a host, or of several to which it does the
// same. Where no hosts are known it is a target, and stands for all hosts of that.
type Host struct {
	Agents    []string     `json:"agents"`
	Target    string       `json:"target,omitempty"`
	Scheduler string       `json:"scheduler"`
	Timezone  string       `json:"timezone"` // the host's; "" where it is not known, then the lines are for one in the job's own
	Entries   []HostChange `json:"entries"`
}

// HostChange is one entry as its host's scheduler holds it, before and after: no lines where it
// does not. The same lines on both sides start something else than before.
type HostChange struct {
	Job    crontopus.JobName `json:"job"`
	Before []string          `json:"before"`
	After  []string          `json:"after"`
}

// SameLines reports whether the scheduler holds what it held.
func (c *HostChange) SameLines() bool { return slices.Equal(c.Before, c.After) }

// What is taken for the entries of a host that has not told how it writes them.
const (
	schedulerCrontab       = "crontab"
	schedulerBuiltin       = "builtin"
	schedulerSystemd       = "systemd"
	schedulerTaskScheduler = "taskscheduler"
	schedulerLaunchd       = "launchd"

	usualStarter = "root /usr/bin/crontopus-agent exec"
)

// class is what decides about lines, beside the job.
type class struct {
	scheduler string
	timezone  string             // the host's, "" where it is not known
	crontab   *crontopus.Crontab // nil: the host has not told how it writes lines
	from      time.Time          // lines are for runs after it
}

func classOf(a *crontopus.Agent, from time.Time) class {
	r := &a.Status.Report
	return class{cmp.Or(r.Scheduler, schedulerCrontab), r.Timezone, r.Crontab, from}
}

// key tells classes apart.
func (c class) key() string {
	key := c.scheduler + "\x00" + c.timezone
	if c.crontab != nil {
		key += "\x00" + c.crontab.Starter + "\x00" + c.crontab.Timezone
	}
	return key
}

// hosts returns those that the change reaches, grouped by what it does to them.
func hosts(changes []Change, fleet Fleet, from time.Time) []Host {
	if !fleet.Known {
		return targets(changes)
	}
	type group struct {
		class class
		where []where // by change
		names []string
	}
	groups := map[[sha256.Size]byte]*group{}
	for i := range fleet.Agents {
		agent := &fleet.Agents[i]
		places, reached := make([]where, len(changes)), false
		marks := make([]byte, len(changes))
		for k := range changes {
			places[k].before, places[k].after = changes[k].On(agent)
			if places[k].before || places[k].after {
				reached = true
			}
			marks[k] = places[k].mark()
		}
		if !reached {
			continue
		}
		c := classOf(agent, from)
		key := sha256.Sum256([]byte(c.key() + "\x00" + string(marks)))
		if groups[key] == nil {
			groups[key] = &group{class: c, where: places}
		}
		groups[key].names = append(groups[key].names, agent.Name)
	}
	list := []Host{}
	for _, g := range groups {
		slices.Sort(g.names)
		list = append(list, g.class.host(changes, g.where, Host{Agents: g.names}))
	}
	slices.SortFunc(list, func(a, b Host) int { return cmp.Compare(a.Agents[0], b.Agents[0]) })
	return list
}

// where says on which side of a change a host has the job.
type where struct{ before, after bool }

func (w where) mark() byte {
	switch {
	case w.before && w.after:
		return '~'
	case w.before:
		return '-'
	case w.after:
		return '+'
	}
	return ' '
}

// targets groups by target where nobody knows the hosts.
func targets(changes []Change) []Host {
	places := map[string][]where{}
	at := func(target string, i int) *where {
		if places[target] == nil {
			places[target] = make([]where, len(changes))
		}
		return &places[target][i]
	}
	for i, c := range changes {
		if runs(c.Before) {
			at(targetOf(c.Before), i).before = true
		}
		if runs(c.After) {
			at(targetOf(c.After), i).after = true
		}
	}
	list := []Host{}
	for _, target := range slices.Sorted(maps.Keys(places)) {
		list = append(list, class{scheduler: schedulerCrontab}.host(changes, places[target], Host{Agents: []string{}, Target: target}))
	}
	return list
}

// host fills in what the change does to hosts of a class.
func (c class) host(changes []Change, places []where, h Host) Host {
	h.Scheduler, h.Timezone = c.scheduler, c.timezone
	h.Entries = []HostChange{}
	for i, w := range places {
		if !w.before && !w.after {
			continue
		}
		entry := HostChange{Job: changes[i].Job, Before: []string{}, After: []string{}}
		if w.before {
			entry.Before = c.lines(&changes[i].Before.Job)
		}
		if w.after {
			entry.After = c.lines(&changes[i].After.Job)
		}
		h.Entries = append(h.Entries, entry)
	}
	slices.SortFunc(h.Entries, func(a, b HostChange) int { return a.Job.Compare(b.Job) })
	return h
}

// lines returns a job as the scheduler holds it.
func (c class) lines(job *crontopus.Job) []string {
	there, _ := job.InZone(func() string { return cmp.Or(c.timezone, crontopus.DefaultTimezone) }) // never empty
	set, err := schedule.Of(there)
	if err != nil {
		return []string{job.Name().String() + ": " + err.Error()} // a job of another version
	}
	var native []string
	switch c.scheduler {
	case schedulerSystemd:
		native, _ = set.Systemd(c.from)
	case schedulerTaskScheduler:
		native, _ = set.TaskScheduler(c.timezone, c.from)
	case schedulerLaunchd:
		native, _ = set.Launchd(c.timezone, c.from)
	case schedulerBuiltin:
		lines := make([]string, len(there.Spec.Schedule))
		for i, expr := range there.Spec.Schedule {
			lines[i] = expr + " (" + there.Spec.Timezone + ") " + job.Name().String()
		}
		return lines
	}
	if native != nil { // which does not name the job
		lines := []string{job.Name().String() + ":"}
		for _, line := range native {
			lines = append(lines, "  "+line)
		}
		return lines
	}
	if c.crontab != nil {
		return set.CronLines(c.crontab.Timezone, c.crontab.Starter, job.Name())
	}
	return set.CronLines(cmp.Or(c.timezone, there.Spec.Timezone), usualStarter, job.Name())
}

// zoneFor returns a zone in which to tell the runs of a job that goes by its hosts' own: that
// of its first host.
func zoneFor(c *Change, agents []crontopus.Agent) string {
	for i := range agents {
		if had, has := c.On(&agents[i]); had || has {
			if zone := agents[i].Status.Report.Timezone; zone != "" {
				return zone
			}
		}
	}
	return crontopus.DefaultTimezone
}

// targetOf writes a job's target in one line.
func targetOf(d *crontopus.DesiredJob) string {
	switch t := d.Job.Spec.Target; {
	case t.All:
		return "all hosts"
	case len(t.Agents) > 0:
		return "hosts " + strings.Join(slices.Sorted(slices.Values(t.Agents)), ", ")
	default:
		pairs := make([]string, 0, len(t.Labels))
		for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
			pairs = append(pairs, key+"="+t.Labels[key])
		}
		return "hosts with " + strings.Join(pairs, ", ")
	}
}
