package forecast

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// counter adds up target after target, so that one target's minutes are held at a time.
type counter struct {
	*Forecast
	most int
	all  starts // of all targets

	runs map[*plan][]int32 // minutes of the window, as far as they have been kept
	kept int
}

// maxKept bounds the minutes that are kept of schedules which several targets share.
const maxKept = 4 << 20

// starts says how much begins and ends to start in each minute of the window: what starts in a
// minute is the sum of all up to it.
type starts []float64

func newStarts(hours int) starts { return make(starts, hours*60+1) }

// add adds jobs that start at a minute, or in the time of their splay after it.
func (s starts) add(minute int32, jobs float64, splay time.Duration) {
	if splay <= time.Minute {
		s.between(int(minute), int(minute)+1, jobs)
		return
	}
	whole := int(splay / time.Minute)
	share := jobs * float64(time.Minute) / float64(splay)
	s.between(int(minute), int(minute)+whole, share)
	s.between(int(minute)+whole, int(minute)+whole+1, jobs-share*float64(whole))
}

func (s starts) between(from, to int, jobs float64) {
	if from < len(s) {
		s[from] += jobs
	}
	if to < len(s) {
		s[to] -= jobs
	}
}

// group are jobs of one schedule and splay.
type group struct {
	*plan
	splay time.Duration
}

func (c *counter) add(name string, jobs []*planned) {
	target := Target{Name: name, Jobs: len(jobs), Hours: make([]int, len(c.Hours))}
	groups := map[group]int{}
	var order []group
	for _, job := range jobs {
		g := group{job.plan, job.splay}
		if groups[g]++; groups[g] == 1 {
			order = append(order, g)
		}
	}
	here := newStarts(len(c.Hours))
	for _, g := range order {
		n := groups[g]
		for _, minute := range c.minutes(g.plan) {
			target.Hours[minute/60] += n
			here.add(minute, float64(n), g.splay)
		}
	}
	for hour, runs := range target.Hours {
		target.Runs += runs
		c.Hours[hour] += runs
	}
	c.Runs += target.Runs
	c.Targets = append(c.Targets, target)
	c.collide(name, here)
}

// minutes returns when the schedule runs, in minutes of the window.
func (c *counter) minutes(p *plan) []int32 {
	if known, ok := c.runs[p]; ok {
		return known
	}
	var minutes []int32
	for at, ok := p.set.Next(c.From.Add(-time.Nanosecond)); ok && at.Before(c.Until); at, ok = p.set.Next(at) {
		minutes = append(minutes, int32(at.Sub(c.From)/time.Minute))
	}
	if c.kept += len(minutes); c.kept <= maxKept {
		c.runs[p] = minutes
	} else {
		c.kept -= len(minutes)
	}
	return minutes
}

// few is what sums may be off by.
const few = 1e-6

// collide finds the minutes in which too much starts on a target.
func (c *counter) collide(name string, here starts) {
	sum := 0.0
	for minute, change := range here[:len(here)-1] {
		c.all[minute] += change
		if sum += change; sum <= float64(c.Limit)+few {
			continue
		}
		c.CollisionCount++
		collision := Collision{Target: name, Minute: c.minute(minute, sum)}
		if n := len(c.Collisions); n < c.most || worse(collision, c.Collisions[c.most-1]) < 0 {
			c.Collisions = append(c.Collisions, collision)
			if n+1 == c.most || n+1 >= 2*c.most { // then the last one kept is the least of them
				c.sortCollisions()
			}
		}
	}
	c.sortCollisions()
}

func (c *counter) sortCollisions() {
	slices.SortFunc(c.Collisions, worse)
	c.Collisions = c.Collisions[:min(len(c.Collisions), c.most)]
}

// worse orders the worst collisions first.
func worse(a, b Collision) int {
	return cmp.Or(cmp.Compare(b.Starts, a.Starts), a.At.Compare(b.At), strings.Compare(a.Target, b.Target))
}

func (c *counter) minute(minute int, jobs float64) Minute {
	const hundredth = 100
	return Minute{At: c.From.Add(time.Duration(minute) * time.Minute), Starts: float64(int(jobs*hundredth+0.5)) / hundredth}
}

// busiest returns the minutes in which most starts anywhere.
func (c *counter) busiest() []Minute {
	minutes, sum := []Minute{}, 0.0
	for minute, change := range c.all[:len(c.all)-1] {
		if sum += change; sum > few {
			minutes = append(minutes, c.minute(minute, sum))
		}
	}
	slices.SortStableFunc(minutes, func(a, b Minute) int { return cmp.Compare(b.Starts, a.Starts) })
	return minutes[:min(len(minutes), c.most)]
}
