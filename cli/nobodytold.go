package cli

import (
	"context"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/schedule"
)

// whyNobodyTold says why nobody was told of an incident, as far as it can be seen from what holds
// now; "" where it cannot.
func whyNobodyTold(ctx context.Context, api *client.Client, in *crontopus.Incident, now time.Time) string {
	switch {
	case in.SuppressedBy != "":
		return "suppressed by " + in.SuppressedBy
	case in.Open() && in.SnoozedUntil != nil && in.SnoozedUntil.After(now):
		return "snoozed"
	}
	silences, err := api.SilencesInForce(ctx)
	if err != nil {
		return ""
	}
	for i := range silences.Items {
		if s := &silences.Items[i]; in.Open() && s.Covers(&in.Subject) {
			return "silenced by " + s.ID
		}
	}
	list, err := api.Alerting(ctx)
	if err != nil {
		return ""
	}
	var said crontopus.Alerting
	for _, m := range list.Items {
		switch {
		case m.Policy != nil:
			said.Policies = append(said.Policies, *m.Policy)
		case m.Channel != nil:
			said.Channels = append(said.Channels, *m.Channel)
		case m.Window != nil && keptQuiet(m.Window, in, now):
			return "in maintenance window " + m.Window.Metadata.Namespace + "/" + m.Window.Metadata.Name
		}
	}
	switch {
	case len(said.Channels) == 0:
		return "there is no channel"
	case !reaches(&said, in):
		return "no policy sends it to a channel"
	}
	return ""
}

// keptQuiet reports whether a window is why nobody was told: it goes on, was there when an incident
// began that has ended, or had in it all that was missed.
func keptQuiet(w *crontopus.MaintenanceWindow, in *crontopus.Incident, now time.Time) bool {
	if !w.Spec.Match.Matches(w.Metadata.Namespace, &in.Subject) {
		return false
	}
	inside := func(at time.Time) bool { _, is := schedule.Window(w, at); return is }
	if in.Open() && inside(now) || !in.Open() && inside(in.OpenedAt) {
		return true
	}
	return in.Kind == crontopus.AlertMissed && len(in.Missed) > 0 && in.MissedCount == len(in.Missed) &&
		!slices.ContainsFunc(in.Missed, func(m crontopus.MissedRun) bool { return !inside(m.Due) })
}

// reaches reports whether a policy that applies names a channel that there is.
func reaches(said *crontopus.Alerting, in *crontopus.Incident) bool {
	for _, p := range said.Applying(in.Kind, &in.Subject) {
		for _, step := range p.Spec.Notify {
			name := p.ChannelName(step)
			if slices.ContainsFunc(said.Channels, func(c crontopus.NotificationChannel) bool { return c.Name() == name }) {
				return true
			}
		}
	}
	return false
}
