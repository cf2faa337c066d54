package importer

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// Runs is how many runs are compared, at most and one after the other.
const Runs = 500

// Proof says what was compared: the runs of the original and of the manifest were the same
// instants.
type Proof struct {
	Runs         int       `json:"runs"` // one after the other, in the first zone
	Since        time.Time `json:"since"`
	Until        time.Time `json:"until"` // the last of them
	Zones        []string  `json:"zones"`
	ClockChanges int       `json:"clockChanges"`     // around which all runs were compared, in all zones
	Unproven     int       `json:"unproven"`         // changes of the clock around which nothing was compared
	Early        int64     `json:"early,omitempty"`  // seconds, at most, by which they come earlier, at the full minute
	Reboot       bool      `json:"reboot,omitempty"` // it runs when the host starts, too
}

// provingZones stand for a host's own zone: one without changes, two that change the clock by an
// hour on different days, one where it is half an hour, and south of the equator.
var provingZones = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}

// prover compares originals with manifests.
type prover struct {
	now   time.Time
	mu    sync.Mutex // guards zones
	zones map[string]*sync.Pool
	done  sync.Map // what is proven: string to *Proof
}

// proveOnce proves a draft, whose job is as it will be read from Git.
func (p *prover) proveOnce(job *crontopus.Job, d *draft) (*Proof, error) {
	if d.original == nil {
		return nil, nil
	}
	key := strings.Join(append([]string{job.Spec.Timezone, d.reads}, job.Spec.Schedule...), "\n")
	if proof, known := p.done.Load(key); known {
		return proof.(*Proof), nil
	}
	proof, err := p.prove(job, d.original)
	if err != nil {
		return nil, err
	}
	p.done.Store(key, proof)
	return proof, nil
}

func newProver(now time.Time) *prover {
	return &prover{now: now.Truncate(time.Second), zones: map[string]*sync.Pool{}}
}

// zone lends a zone: it grows while it is used.
func (p *prover) zone(name string) (z *zone, back func(), err error) {
	location, err := schedule.Location(name)
	if err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pool := p.zones[name]
	if pool == nil {
		pool = &sync.Pool{New: func() any { return newZone(location, p.now.Unix()) }}
		p.zones[name] = pool
	}
	z = pool.Get().(*zone)
	return z, func() { pool.Put(z) }, nil
}

// prove compares a job with its original. The error says where they part.
func (p *prover) prove(job *crontopus.Job, o original) (*Proof, error) {
	zones := []string{job.Spec.Timezone}
	if job.Spec.Timezone == crontopus.TimezoneHost {
		zones = provingZones
	}
	proof := &Proof{Since: p.now, Zones: zones, Early: o.later()}
	for i, name := range zones {
		set, err := schedule.New(job.Spec.Schedule, name, job.Name().String())
		if err != nil {
			return nil, err
		}
		proof.Reboot = set.Reboot()
		z, back, err := p.zone(name)
		if err != nil {
			return nil, err
		}
		c := comparison{zone: z, set: set, original: o}
		err = c.run(p.now.Unix(), proof, i == 0)
		back()
		if err != nil {
			return nil, err
		}
	}
	return proof, nil
}

// comparison is of one job in one zone.
type comparison struct {
	zone     *zone
	set      *schedule.Set
	original original
}

// clockYears is how far ahead changes of the clock are looked at.
const clockYears = 2

// aroundChange is how far from a change every run is compared.
const aroundChange = 24 * 60 * 60

func (c *comparison) run(now int64, proof *Proof, first bool) error {
	runs, last, err := c.compare(now, c.zone.limit, Runs)
	if err != nil {
		return err
	}
	if first {
		proof.Runs, proof.Until = runs, time.Unix(last, 0).UTC()
	}
	c.zone.learn(now + clockYears*366*secondsPerDay)
	for _, change := range c.zone.changes {
		if change.at < now || change.at > now+clockYears*366*secondsPerDay {
			continue
		}
		if c.original.leavesOut() {
			proof.Unproven++
			continue
		}
		if _, _, err := c.compare(change.at-aroundChange, change.at+aroundChange, 1<<30); err != nil {
			return err
		}
		proof.ClockChanges++
	}
	return nil
}

// compare walks through both from an instant to another, and at most so many runs.
func (c *comparison) compare(from, to int64, most int) (runs int, last int64, err error) {
	for last = from; runs < most; runs++ {
		theirs, some := c.next(last)
		ours, too := c.set.Next(time.Unix(last, 0))
		for too && c.original.leavesOut() && c.nearChange(ours.Unix()) {
			ours, too = c.set.Next(ours)
		}
		some = some && theirs <= to
		too = too && ours.Unix() <= to
		switch {
		case !some && !too:
			return runs, last, nil
		case some != too || theirs != ours.Unix():
			return runs, last, c.differ(theirs, some, ours, too)
		}
		last = theirs
	}
	return runs, last, nil
}

func (c *comparison) next(after int64) (at int64, ok bool) {
	at, ok = c.original.next(c.zone, after)
	for ok && c.original.leavesOut() && c.nearChange(at) {
		at, ok = c.original.next(c.zone, at)
	}
	return at, ok
}

// nearChange reports whether the clock changes within a day of an instant.
func (c *comparison) nearChange(at int64) bool {
	return c.zone.offset(at-aroundChange) != c.zone.offset(at+aroundChange)
}

func (c *comparison) differ(theirs int64, some bool, ours time.Time, too bool) error {
	const never = "never again"
	a, b := never, never
	if some {
		a = time.Unix(theirs, 0).In(c.zone.location).Format(time.RFC3339)
	}
	if too {
		b = ours.Format(time.RFC3339)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "the original runs next %s and the manifest would %s", a, b)
	if c.zone.name != "UTC" {
		fmt.Fprintf(&text, ", in %s", c.zone.name)
	}
	return fmt.Errorf("%s", text.String())
}
