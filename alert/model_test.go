package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// outage is a time in which the server does not hear of the host: it is off, or cut off and goes on
// running its jobs, or the server itself is away.
type outage struct {
	from, until time.Time
	kind        string
}

const (
	off  = "off"
	cut  = "cut"
	away = "away"
)

// scenario is what happens to one job on one host.
type scenario struct {
	period, grace time.Duration
	outcome       map[time.Time]string // of each due instant: ok, failed, none
	outages       []outage
	end           time.Time
}

func drawScenario(t *rapid.T) scenario {
	s := scenario{outcome: map[time.Time]string{}}
	s.period = rapid.SampledFrom([]time.Duration{30 * time.Minute, time.Hour}).Draw(t, "period")
	s.grace = time.Duration(rapid.IntRange(1, 25).Draw(t, "grace")) * time.Minute
	s.end = noon.Add(24*s.period + 29*time.Minute + 30*time.Second)
	from := noon.Add(10*time.Minute + 15*time.Second)
	for range rapid.IntRange(0, 3).Draw(t, "outages") {
		from = from.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "from")) * time.Minute)
		lasts := rapid.IntRange(1, 300).Filter(func(minutes int) bool { return minutes != 3 }).Draw(t, "lasts") // which ends as the host goes offline
		until := from.Add(time.Duration(lasts) * time.Minute)
		if until.After(s.end.Add(-10 * time.Minute)) {
			break
		}
		s.outages = append(s.outages, outage{from, until, rapid.SampledFrom([]string{off, cut, away}).Draw(t, "kind")})
		from = until.Add(10 * time.Minute)
	}
	for due := noon.Add(s.period); due.Before(s.end); due = due.Add(s.period) {
		s.outcome[due] = rapid.SampledFrom([]string{"ok", "ok", "failed", "none"}).Draw(t, "outcome")
		if o := s.at(due); o != nil && o.kind == off {
			s.outcome[due] = "none"
		}
	}
	return s
}

// at is the outage at an instant.
func (s *scenario) at(t time.Time) *outage {
	for i := range s.outages {
		if o := &s.outages[i]; !t.Before(o.from) && t.Before(o.until) {
			return o
		}
	}
	return nil
}

func (s *scenario) dues() []time.Time {
	var list []time.Time
	for d := range s.outcome {
		list = append(list, d)
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// play lets the scenario happen before the detector.
func (s *scenario) play() *world {
	schedule := "*/30 * * * *"
	if s.period == time.Hour {
		schedule = hourly
	}
	w := newWorld(schedule, grace(s.grace))
	var spool []time.Time
	tell := func(due time.Time) {
		switch s.outcome[due] {
		case "ok":
			w.run(due, crontopus.EventSuccess)
		case "failed":
			w.run(due, crontopus.EventFailure)
		}
	}
	moments := s.dues()
	for _, o := range s.outages {
		moments = append(moments, o.from, o.until)
	}
	moments = append(moments, s.end)
	slices.SortFunc(moments, time.Time.Compare)
	reachable, looking := true, true
	host := crontopus.HostHealth{StartedAt: noon.AddDate(0, 0, -1)}
	for _, m := range moments {
		if looking {
			w.until(m, reachable)
		} else {
			w.now = m
		}
		before := s.at(m.Add(-time.Second))
		o := s.at(m)
		if before == nil && o != nil {
			w.beat() // the last
		}
		if before != nil && o == nil { // it is over
			if before.kind == away {
				w.upSince = m
			}
			for _, due := range spool {
				tell(due)
			}
			spool = nil
			if before.kind == off {
				host.BootedAt = &m
			}
			w.report(func(r *crontopus.AgentReport) { r.Host = &host })
		}
		reachable, looking = o == nil, o == nil || o.kind != away
		if _, due := s.outcome[m]; due {
			if o == nil {
				tell(m)
			} else {
				spool = append(spool, m)
			}
		}
	}
	return w
}

// known is something that becomes known of an instant, and when.
type known struct {
	at, due time.Time
	what    string
}

// model says by brute force what should come of it: the entry's own incidents, and how many missed
// runs each host incident has in the end.
func (s *scenario) model() (own, hosts []spell) {
	var news []known
	missed := map[*outage]int{}
	for _, due := range s.dues() {
		o, what := s.at(due), s.outcome[due]
		if what != "none" {
			at := due
			if o != nil {
				at = o.until
			}
			if !at.After(s.end) {
				news = append(news, known{at, due, what})
			}
			continue
		}
		deadline := due.Add(s.grace)
		if deadline.After(s.end) {
			continue
		}
		while := s.at(due)
		switch o := s.at(deadline); {
		case while != nil && while.kind == off && while.isIncident():
			missed[while]++ // its absence is why
		case o == nil, o.kind != away && !lastBeat(o).Before(later(due, deadline.Add(-90*time.Second))):
			news = append(news, known{deadline, due, "missed"})
		default: // if it was up, nobody knows before it is back
			news = append(news, known{o.until, due, "missed"})
		}
	}
	slices.SortStableFunc(news, func(a, b known) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.due.Compare(b.due)
	})
	own = fold(news)
	for i := range s.outages {
		if o := &s.outages[i]; o.isIncident() {
			hosts = append(hosts, spell{kind: "agentOffline", until: o.until, missed: missed[o]})
		}
	}
	return own, hosts
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// isIncident reports whether an outage is one of the host.
func (o *outage) isIncident() bool {
	return o.kind != away && !o.until.Before(lastBeat(o).Add(3*time.Minute))
}

// lastBeat is the last heartbeat before an outage.
func lastBeat(o *outage) time.Time { return o.from }

// fold opens an incident at what goes wrong and ends it at what goes well later.
func fold(news []known) (own []spell) {
	open, kind := time.Time{}, ""
	var bad time.Time
	var opened []time.Time
	good, needs := 0, 1
	for _, n := range news {
		if n.what == "ok" && !n.due.Before(bad) {
			good++
		}
		switch {
		case n.what != "ok":
			good = 0
			if open.IsZero() {
				open, needs = n.at, 1
				opened = slices.DeleteFunc(opened, func(t time.Time) bool { return n.at.Sub(t) > time.Hour })
				if len(opened) >= 3 { // it is flapping
					needs = 3
				}
				opened = append(opened, n.at)
			}
			kind = n.what
			if n.due.After(bad) {
				bad = n.due
			}
		case !open.IsZero() && good >= needs:
			own = append(own, spell{kind: kind, from: open, until: n.at})
			open = time.Time{}
		}
	}
	if !open.IsZero() {
		own = append(own, spell{kind: kind, from: open})
	}
	return own
}

// spell is an incident in the model's words.
type spell struct {
	kind        string
	from, until time.Time // until is zero while it is open
	missed      int       // of a host
}

func (s spell) String() string {
	return fmt.Sprintf("%s %s-%s %d", s.kind, s.from.Format(time.TimeOnly), s.until.Format(time.TimeOnly), s.missed)
}

// agree reports whether two say the same of when, as far as anybody can: while an agent's word is
// awaited it is looked for every few seconds.
func agree(want, got []spell) bool {
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() <= 30*time.Second }
	return slices.EqualFunc(want, got, func(a, b spell) bool {
		return a.kind == b.kind && a.missed == b.missed && near(a.from, b.from) && near(a.until, b.until)
	})
}

// told are the incidents of the detector, in the model's words.
func (w *world) told() (own, hosts []spell) {
	for _, in := range w.incidents {
		s := spell{kind: string(in.Kind), from: in.OpenedAt}
		if in.ResolvedAt != nil {
			s.until = *in.ResolvedAt
		}
		if in.WatchID == entryID {
			own = append(own, s)
			continue
		}
		s.from, s.missed = time.Time{}, in.MissedCount
		hosts = append(hosts, s)
	}
	return own, hosts
}

func TestTheDetectorAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		wantOwn, wantHosts := s.model()
		own, hosts := s.play().told()
		if !agree(wantOwn, own) || !agree(wantHosts, hosts) {
			t.Fatalf("%v every %v, outages %v\noutcomes %v\nmodel    %v %v\ndetector %v %v", s.grace, s.period, s.outages, s.outcome, wantOwn, wantHosts, own, hosts)
		}
	})
}
