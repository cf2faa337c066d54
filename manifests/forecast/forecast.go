package forecast

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// HerdSize is how many jobs may start on one target in the same minute, where nobody says
// otherwise.
const HerdSize = 20

// Entry is a job on targets: groups of hosts as a manifest names them, or hosts.
type Entry struct {
	Job     *crontopus.Job // its time zone is one of the database
	Targets []string
}

// Options say what is asked.
type Options struct {
	From  time.Time // in the zone in which hours are told; the window begins with its hour
	Hours int       // how long the window is
	Limit int       // how many jobs may start on one target in a minute
	Most  int       // how many busiest minutes and collisions are told
}

// Forecast is what will run when.
type Forecast struct {
	From           time.Time   `json:"from"`
	Until          time.Time   `json:"until"`
	Timezone       string      `json:"timezone"`
	Jobs           int         `json:"jobs"`
	Runs           int         `json:"runs"`
	Hours          []int       `json:"hours"`   // runs in each hour of the window
	Targets        []Target    `json:"targets"` // those with most runs first
	Busiest        []Minute    `json:"busiest"`
	Limit          int         `json:"limit"`
	Collisions     []Collision `json:"collisions"`     // the worst first
	CollisionCount int         `json:"collisionCount"` // of all of them
}

// Target is what will run on a group of hosts, or on a host.
type Target struct {
	Name  string `json:"name"`
	Jobs  int    `json:"jobs"`
	Runs  int    `json:"runs"`
	Hours []int  `json:"hours"`
}

// Minute says how much starts in a minute. With a splay it is what can be expected: a job that
// may start in any of two minutes counts for half in each.
type Minute struct {
	At     time.Time `json:"at"`
	Starts float64   `json:"starts"`
}

// Collision is a minute in which more starts on a target than should.
type Collision struct {
	Target string `json:"target"`
	Minute
	Jobs []string `json:"jobs"` // some of them, by name
}

// Make forecasts what the entries will do.
func Make(entries []Entry, o Options) (*Forecast, error) {
	from := o.From.Truncate(time.Minute).Add(-time.Duration(o.From.Minute()) * time.Minute)
	f := &Forecast{
		From: from, Until: from.Add(time.Duration(o.Hours) * time.Hour), Timezone: from.Location().String(),
		Hours: make([]int, o.Hours), Targets: []Target{}, Busiest: []Minute{}, Limit: o.Limit, Collisions: []Collision{},
	}
	byTarget := map[string][]*planned{}
	plans := map[string]*plan{}
	names := map[crontopus.JobName]bool{}
	for _, e := range entries {
		if len(e.Job.Spec.Schedule) == 0 {
			continue // it pings when it likes
		}
		p, err := planOf(e.Job, plans)
		if err != nil {
			return nil, err
		}
		names[e.Job.Name()] = true
		job := &planned{plan: p, name: e.Job.Name().String(), splay: e.Job.Spec.Run.Splay.Std()}
		for _, target := range e.Targets {
			byTarget[target] = append(byTarget[target], job)
		}
	}
	c := counter{Forecast: f, most: o.Most, runs: map[*plan][]int32{}, all: newStarts(o.Hours)}
	for _, name := range slices.Sorted(maps.Keys(byTarget)) {
		c.add(name, byTarget[name])
	}
	f.Jobs, f.Busiest = len(names), c.busiest()
	slices.SortStableFunc(f.Targets, func(a, b Target) int { return cmp.Compare(b.Runs, a.Runs) })
	for i := range f.Collisions {
		f.Collisions[i].Jobs = starting(byTarget[f.Collisions[i].Target], f.Collisions[i].At)
	}
	return f, nil
}

// plan is a schedule that jobs share.
type plan struct{ set *schedule.Set }

// planned is a job on a target.
type planned struct {
	*plan
	name  string
	splay time.Duration
}

// planOf compiles a job's schedule, or finds one that is the same.
func planOf(job *crontopus.Job, known map[string]*plan) (*plan, error) {
	key := job.Spec.Timezone + "\n" + strings.Join(job.Spec.Schedule, "\n")
	p := known[key]
	if p == nil {
		set, err := schedule.Of(job)
		if err != nil {
			return nil, err
		}
		if words := set.Words(); strings.ContainsAny(strings.Join(job.Spec.Schedule, ""), "Hh") {
			key = job.Spec.Timezone + "\n" + words // H is another time for each job; words say which
		}
		if p = known[key]; p == nil {
			p = &plan{set}
			known[key] = p
		}
	}
	return p, nil
}

// maxNames is how many jobs of a collision are named.
const maxNames = 10

// starting names jobs that may start in a minute.
func starting(jobs []*planned, at time.Time) []string {
	var names []string
	for _, job := range jobs {
		last, ok := job.set.Prev(at.Add(time.Minute - time.Nanosecond))
		if ok && last.Add(max(job.splay, time.Minute)).After(at) {
			if names = append(names, job.name); len(names) == maxNames {
				break
			}
		}
	}
	slices.Sort(names)
	return names
}
