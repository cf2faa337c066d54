package alert_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
)

// desk routes one incident as time passes, and remembers who was told what.
type desk struct {
	now      time.Time
	in       crontopus.Incident
	routing  crontopus.Routing
	alerting crontopus.Alerting
	silences []crontopus.Silence
	parent   *crontopus.Incident
	routeAt  *time.Time
	told     []string // "channel event"
}

func newDesk(policies ...crontopus.AlertPolicySpec) *desk {
	d := &desk{now: noon, routeAt: &noon, in: crontopus.Incident{ID: "i1", Kind: crontopus.AlertFailed, State: crontopus.IncidentOpen, OpenedAt: noon, Failures: 1,
		Subject: crontopus.Subject{Job: crontopus.JobName{Namespace: "production", Name: "backup"}, Agent: "db-01", Labels: map[string]string{"tier": "critical"}}}}
	for _, name := range []string{"chat", "oncall", "boss"} {
		c := crontopus.NotificationChannel{Metadata: crontopus.Metadata{Namespace: "production", Name: name}}
		c.Spec.Default = name == "chat"
		d.alerting.Channels = append(d.alerting.Channels, c)
	}
	for _, spec := range policies {
		p := crontopus.AlertPolicy{Metadata: crontopus.Metadata{Namespace: "production", Name: "p"}, Spec: spec}
		p.SetDefaults()
		d.alerting.Policies = append(d.alerting.Policies, p)
	}
	return d
}

// until routes whenever it is time, up to an instant, and returns who was told what meanwhile.
func (d *desk) until(end time.Time) []string {
	before := len(d.told)
	for d.routeAt != nil && !d.routeAt.After(end) {
		if d.routeAt.After(d.now) {
			d.now = *d.routeAt
		}
		decision := alert.Decide(&crontopus.Case{Incident: d.in, Routing: d.routing, Now: d.now, Alerting: &d.alerting, Silences: d.silences, Parent: d.parent})
		d.in, d.routing, d.routeAt = decision.Incident, decision.Routing, decision.RouteAt
		for _, n := range decision.Notify {
			d.told = append(d.told, n.Channel.Name+" "+string(n.What))
		}
	}
	d.now = end
	return slices.Clone(d.told[before:])
}

// change is what the detector or a person does to the incident, which is then seen to.
func (d *desk) change(f func(*crontopus.Incident)) {
	f(&d.in)
	at := d.now
	d.routeAt = &at
}

func (d *desk) resolve() {
	d.change(func(in *crontopus.Incident) {
		at := d.now
		in.State, in.ResolvedAt = crontopus.IncidentResolved, &at
	})
}

func minutes(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func span(n int) crontopus.Duration { return crontopus.Duration(time.Duration(n) * time.Minute) }

var production = crontopus.Match{Namespaces: []string{"production"}}

func TestWithoutAPolicyTheDefaultChannelsAreToldOnce(t *testing.T) {
	d := newDesk()
	require.Equal(t, []string{"chat opened"}, d.until(minutes(0)))
	d.change(func(in *crontopus.Incident) { in.Failures = 2 })
	require.Empty(t, d.until(minutes(600)))
	d.resolve()
	require.Equal(t, []string{"chat resolved"}, d.until(minutes(601)))
	d.change(func(*crontopus.Incident) {})
	require.Empty(t, d.until(minutes(602)))
}

func TestEscalationWaitsForNobodyToAcknowledge(t *testing.T) {
	policy := crontopus.AlertPolicySpec{Match: production, Severity: crontopus.CriticalAlert, Notify: []crontopus.Notify{{Channel: "oncall"}, {Channel: "boss", After: span(30)}}}
	d := newDesk(policy)
	require.Equal(t, []string{"oncall opened"}, d.until(minutes(29)))
	require.Equal(t, crontopus.CriticalAlert, d.in.Severity)
	require.Equal(t, []string{"boss opened"}, d.until(minutes(60)))
	d.resolve()
	require.Equal(t, []string{"boss resolved", "oncall resolved"}, d.until(minutes(61)))

	d = newDesk(policy)
	d.until(minutes(10))
	d.change(func(in *crontopus.Incident) { in.State = crontopus.IncidentAcknowledged })
	require.Equal(t, []string{"oncall acknowledged"}, d.until(minutes(600)))
	d.resolve()
	require.Equal(t, []string{"oncall resolved"}, d.until(minutes(601)))
}

func TestReminders(t *testing.T) {
	d := newDesk(crontopus.AlertPolicySpec{Match: production, RemindEvery: span(60), Notify: []crontopus.Notify{{Channel: "chat"}}})
	require.Equal(t, []string{"chat opened", "chat reminder", "chat reminder"}, d.until(minutes(125)))
	d.change(func(in *crontopus.Incident) { in.State = crontopus.IncidentAcknowledged })
	require.Equal(t, []string{"chat acknowledged"}, d.until(minutes(600)))
}

func TestThresholdsAreEachPolicysOwn(t *testing.T) {
	d := newDesk(
		crontopus.AlertPolicySpec{Match: production, Notify: []crontopus.Notify{{Channel: "chat"}}},
		crontopus.AlertPolicySpec{Match: production, AfterFailures: 3, Notify: []crontopus.Notify{{Channel: "oncall"}}})
	require.Equal(t, []string{"chat opened"}, d.until(minutes(5)))
	d.change(func(in *crontopus.Incident) { in.Failures = 2 })
	require.Empty(t, d.until(minutes(10)))
	d.change(func(in *crontopus.Incident) { in.Failures = 3 })
	require.Equal(t, []string{"oncall opened"}, d.until(minutes(15)))
}

func TestAnotherKindIsToldAsAChange(t *testing.T) {
	d := newDesk()
	d.until(minutes(1))
	d.change(func(in *crontopus.Incident) { in.Kind = crontopus.AlertMissed })
	require.Equal(t, []string{"chat changed"}, d.until(minutes(2)))
	d.change(func(in *crontopus.Incident) { in.Kind, in.Flapping = crontopus.AlertFailed, true })
	require.Empty(t, d.until(minutes(3)))
}

// An agent finds only later what somebody did to an entry: who was told that nobody knows why hears of it, once.
func TestACauseThatIsFoundLaterIsTold(t *testing.T) {
	says := func(d *desk, code string) {
		d.change(func(in *crontopus.Incident) { in.Kind, in.Cause.Code = crontopus.AlertMissed, code })
	}
	d := newDesk()
	says(d, crontopus.CauseNeverStarted)
	require.Equal(t, []string{"chat opened"}, d.until(minutes(1)))
	says(d, crontopus.CauseEntryDeleted)
	require.Equal(t, []string{"chat changed"}, d.until(minutes(2)))
	says(d, crontopus.CauseNeverStarted) // of the next instant
	require.Empty(t, d.until(minutes(3)))
	says(d, crontopus.CauseEntryEdited)
	require.Empty(t, d.until(minutes(4)), "who was told of one cause is not told of each")
	d.resolve()
	require.Equal(t, []string{"chat resolved"}, d.until(minutes(5)))
}

// Our clock is set back by an hour between a beginning and its end: which of the two is the later is known by
// when they were decided.
func TestWhatIsToldLaterIsTheLaterWhateverOurClockDoes(t *testing.T) {
	d := newDesk()
	d.until(minutes(1))
	opened := d.routing.Told["production/chat"]
	d.now = minutes(-60)
	d.resolve()
	require.Equal(t, []string{"chat resolved"}, d.until(minutes(-59)))
	require.True(t, d.routing.Told["production/chat"].At.After(opened.At))
	d.change(func(*crontopus.Incident) {})
	require.Empty(t, d.until(minutes(600)))
}

func TestNobodyIsToldWhileItIsQuiet(t *testing.T) {
	for name, quiet := range map[string]func(*desk){
		"snoozed":  func(d *desk) { at := minutes(60); d.in.SnoozedUntil = &at },
		"silenced": func(d *desk) { d.silences = []crontopus.Silence{{Match: production, Until: minutes(60)}} },
		"window by start and end": func(d *desk) {
			d.alerting.Windows = []crontopus.MaintenanceWindow{{Spec: crontopus.WindowSpec{Match: production, Start: minutes(-60).Format(time.RFC3339), End: minutes(60).Format(time.RFC3339)}}}
		},
		"window by schedule": func(d *desk) {
			d.alerting.Windows = []crontopus.MaintenanceWindow{{Spec: crontopus.WindowSpec{Match: production, Schedule: crontopus.Schedules{"0 13 * * *"},
				Timezone: "Europe/Berlin", Duration: span(60)}}} // 12:00 UTC
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			quiet(d)
			require.Empty(t, d.until(minutes(59)))
			require.Equal(t, []string{"chat opened"}, d.until(minutes(60)))
		})
		t.Run(name+", over before it is loud", func(t *testing.T) {
			d := newDesk()
			quiet(d)
			d.until(minutes(30))
			d.resolve()
			require.Empty(t, d.until(minutes(120)))
		})
	}
}

func TestWhatWasMissedInsideAWindowIsNotToldAfterIt(t *testing.T) {
	d := newDesk()
	d.alerting.Windows = []crontopus.MaintenanceWindow{{Spec: crontopus.WindowSpec{Match: production, Start: minutes(-60).Format(time.RFC3339), End: minutes(5).Format(time.RFC3339)}}}
	d.in.Kind, d.in.MissedCount, d.in.Missed = crontopus.AlertMissed, 1, []crontopus.MissedRun{{Due: minutes(-10)}}
	require.Empty(t, d.until(minutes(600)))
	d.change(func(in *crontopus.Incident) {
		in.MissedCount, in.Missed = 2, append(in.Missed, crontopus.MissedRun{Due: minutes(590)})
	})
	require.Equal(t, []string{"chat opened"}, d.until(minutes(601)))
}

func TestTheChildOfAnOpenIncidentIsToldWhenThatIsOver(t *testing.T) {
	d := newDesk()
	d.parent = &crontopus.Incident{ID: "parent"}
	require.Empty(t, d.until(minutes(30)))
	require.Equal(t, "parent", d.in.SuppressedBy)
	d.parent = nil
	require.Equal(t, []string{"chat opened"}, d.until(minutes(31)))
	require.Empty(t, d.in.SuppressedBy, "it is not said to be suppressed once people know of it")
}

func TestAChannelThatIsNotThereIsNotTold(t *testing.T) {
	d := newDesk(crontopus.AlertPolicySpec{Match: production, Notify: []crontopus.Notify{{Channel: "nobody"}, {Channel: "production/chat"}}})
	require.Equal(t, []string{"chat opened"}, d.until(minutes(1)))
}

func TestAChannelThatGitTookAwayIsNotReminded(t *testing.T) {
	d := newDesk(crontopus.AlertPolicySpec{Match: production, RemindEvery: span(60), Notify: []crontopus.Notify{{Channel: "chat"}, {Channel: "boss"}}})
	require.Equal(t, []string{"chat opened", "boss opened"}, d.until(minutes(1)))
	d.alerting.Channels = d.alerting.Channels[1:] // chat
	require.Equal(t, []string{"boss reminder"}, d.until(minutes(61)))
}

func TestOnlyPoliciesThatMatchApply(t *testing.T) {
	chat := []crontopus.Notify{{Channel: "oncall"}}
	for name, c := range map[string]struct {
		policy crontopus.AlertPolicySpec
		told   string
	}{
		"its own namespace by itself": {crontopus.AlertPolicySpec{Match: crontopus.Match{Labels: map[string]string{"tier": "critical"}}, Notify: chat}, "oncall opened"},
		"another label":               {crontopus.AlertPolicySpec{Match: crontopus.Match{Labels: map[string]string{"tier": "low"}}, Notify: chat}, "chat opened"},
		"another kind":                {crontopus.AlertPolicySpec{Match: production, When: []crontopus.AlertKind{crontopus.AlertMissed}, Notify: chat}, "chat opened"},
		"another host":                {crontopus.AlertPolicySpec{Match: crontopus.Match{Agents: []string{"web-01"}}, Notify: chat}, "chat opened"},
		"a source":                    {crontopus.AlertPolicySpec{Match: crontopus.Match{Sources: []string{"ops"}}, Notify: chat}, "chat opened"},
		"everything":                  {crontopus.AlertPolicySpec{Match: crontopus.Match{All: true}, Notify: chat}, "oncall opened"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []string{c.told}, newDesk(c.policy).until(minutes(0)))
		})
	}
}
