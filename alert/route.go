package alert

import (
	"maps"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// parentWait is how often an incident is seen to whose parent is still open.
const parentWait = 30 * time.Second

// routing is a decision as it is being found: who is told of an incident now, and when somebody
// else may have to be.
type routing struct {
	*crontopus.Case
	crontopus.Decision
}

// Decide says who is told of an incident.
func Decide(c *crontopus.Case) crontopus.Decision {
	r := &routing{Case: c, Decision: crontopus.Decision{Incident: c.Incident, Routing: c.Routing}}
	r.Decision.Routing.Told = maps.Clone(c.Routing.Told)
	if r.Decision.Routing.Told == nil {
		r.Decision.Routing.Told = map[string]crontopus.Told{}
	}
	in := &r.Decision.Incident
	policies := c.Alerting.Applying(in.Kind, &in.Subject)
	in.Severity = worst(policies)
	if in.Open() {
		in.SuppressedBy = ""
		if c.Parent != nil {
			in.SuppressedBy = c.Parent.ID
		}
	}
	switch {
	case !in.Open():
		r.tellAll(crontopus.NotifyResolved)
	case c.Parent != nil:
		r.again(c.Now.Add(parentWait))
	case r.quiet():
	case in.State == crontopus.IncidentAcknowledged:
		r.tellAll(crontopus.NotifyAcknowledged)
	default:
		for i := range policies {
			r.follow(&policies[i])
		}
	}
	return r.Decision
}

// again asks to see to the incident at an instant, or sooner.
func (r *routing) again(at time.Time) {
	if r.RouteAt == nil || at.Before(*r.RouteAt) {
		r.RouteAt = &at
	}
}

// tell decides on one notification.
func (r *routing) tell(channel crontopus.JobName, what crontopus.NotificationEvent) {
	at := r.Now
	if last := r.Decision.Routing.Told[channel.String()].At; !at.After(last) { // our clock was set back: what is told later stays the later
		at = last.Add(time.Microsecond)
	}
	r.Decision.Routing.Told[channel.String()] = crontopus.Told{What: what, At: at, Kind: r.Decision.Incident.Kind, Cause: r.Decision.Incident.Cause.Code}
	r.Notify = append(r.Notify, crontopus.Notification{ID: newID(at), Tenant: r.Decision.Incident.Tenant, Incident: r.Decision.Incident.ID,
		Channel: channel, What: what, At: at, State: crontopus.NotificationPending, Attempts: []crontopus.Attempt{}})
	r.Events = append(r.Events, crontopus.IncidentEvent{ID: newID(r.Now), Incident: r.Decision.Incident.ID, At: r.Now, What: "notified",
		Text: string(what) + " to " + channel.String()})
}

// tellAll tells every channel that was told of the incident before, once.
func (r *routing) tellAll(what crontopus.NotificationEvent) {
	for _, name := range slices.Sorted(maps.Keys(r.Decision.Routing.Told)) {
		if channel, err := crontopus.ParseJobName(name); err == nil && r.Decision.Routing.Told[name].What != what {
			r.tell(channel, what)
		}
	}
}

// follow takes the steps of one policy that are due.
func (r *routing) follow(p *crontopus.AlertPolicy) {
	in := &r.Decision.Incident
	if in.Kind == crontopus.AlertFailed && in.Failures < p.Spec.AfterFailures {
		return // the next failure is seen to
	}
	for _, step := range p.Spec.Notify {
		channel := p.ChannelName(step)
		told, known := r.Decision.Routing.Told[channel.String()]
		switch due := in.OpenedAt.Add(step.After.Std()); {
		case !r.exists(channel):
			continue // nor is it reminded
		case !known && r.Now.Before(due):
			r.again(due)
		case !known:
			r.tell(channel, crontopus.NotifyOpened)
		case told.Kind != in.Kind && !in.Flapping, vague(told.Cause) && !vague(in.Cause.Code):
			r.tell(channel, crontopus.NotifyChanged)
		}
		r.remind(p, channel)
	}
}

// vague reports whether a cause says only that none is known: people are told once that is found out.
func vague(code string) bool {
	return code == crontopus.CauseNeverStarted || code == crontopus.CauseUnknown
}

// remind tells a channel again after a while.
func (r *routing) remind(p *crontopus.AlertPolicy, channel crontopus.JobName) {
	told, known := r.Decision.Routing.Told[channel.String()]
	if !known || p.Spec.RemindEvery == 0 {
		return
	}
	due := told.At.Add(p.Spec.RemindEvery.Std())
	if !r.Now.Before(due) {
		r.tell(channel, crontopus.NotifyReminder)
		due = r.Now.Add(p.Spec.RemindEvery.Std())
	}
	r.again(due)
}

func (r *routing) exists(channel crontopus.JobName) bool {
	return slices.ContainsFunc(r.Alerting.Channels, func(c crontopus.NotificationChannel) bool { return c.Name() == channel })
}

// quiet reports whether nobody is to be told now: a person snoozed or silenced it, or Git has a
// maintenance window.
func (r *routing) quiet() bool {
	in := &r.Decision.Incident
	until := time.Time{}
	if s := in.SnoozedUntil; s != nil {
		until = later(until, s)
	}
	for i := range r.Silences {
		if s := &r.Silences[i]; s.InForce(r.Now) && s.Covers(&in.Subject) {
			until = later(until, &s.Until)
		}
	}
	for i := range r.Alerting.Windows {
		w := &r.Alerting.Windows[i]
		if !w.Spec.Match.Matches(w.Metadata.Namespace, &in.Subject) {
			continue
		}
		if end, inside := schedule.Window(w, r.Now); inside {
			until = later(until, &end)
		}
		if in.Kind == crontopus.AlertMissed && wholly(w, in) {
			return true // what was missed inside was meant to be
		}
	}
	if !until.After(r.Now) {
		return false
	}
	r.again(until)
	return true
}

// wholly reports whether everything that an incident missed was due inside a window.
func wholly(w *crontopus.MaintenanceWindow, in *crontopus.Incident) bool {
	return in.MissedCount == len(in.Missed) && len(in.Missed) > 0 && !slices.ContainsFunc(in.Missed, func(m crontopus.MissedRun) bool {
		_, inside := schedule.Window(w, m.Due)
		return !inside
	})
}

func worst(policies []crontopus.AlertPolicy) crontopus.Severity {
	order := []crontopus.Severity{crontopus.CriticalAlert, crontopus.ErrorAlert, crontopus.WarningAlert, crontopus.InfoAlert}
	for _, s := range order {
		if slices.ContainsFunc(policies, func(p crontopus.AlertPolicy) bool { return p.Spec.Severity == s }) {
			return s
		}
	}
	return crontopus.DefaultSeverity
}
