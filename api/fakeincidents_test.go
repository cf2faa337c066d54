package api_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"crontopus.dev/crontopus"
)

func (s *fakeStore) Incidents(_ context.Context, _ crontopus.TenantID, f crontopus.IncidentFilter, _ crontopus.Page) (list []crontopus.Incident, next string, err error) {
	return list, "", s.locked(func() error {
		s.asked = f
		list = slices.SortedFunc(maps.Values(s.incidents), func(a, b crontopus.Incident) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
}

func (s *fakeStore) Incident(_ context.Context, _ crontopus.TenantID, id string) (in crontopus.Incident, err error) {
	return in, s.locked(find(s.incidents, id, &in))
}

func (s *fakeStore) IncidentEvents(context.Context, crontopus.TenantID, string) (list []crontopus.IncidentEvent, err error) {
	return list, s.locked(func() error { list = s.events; return nil })
}

func (s *fakeStore) Notifications(context.Context, crontopus.TenantID, string) (list []crontopus.Notification, err error) {
	return nil, s.locked(func() error { return nil })
}

func (s *fakeStore) ChangeIncident(_ context.Context, _ crontopus.TenantID, actor, id string, now time.Time,
	change func(*crontopus.Incident) (crontopus.IncidentEvent, error),
) (in crontopus.Incident, err error) {
	return in, s.locked(func() error {
		if err := find(s.incidents, id, &in)(); err != nil {
			return err
		}
		event, err := change(&in)
		if err != nil {
			return err
		}
		event.At, event.Actor = now, actor
		s.incidents[id], s.events = in, append(s.events, event)
		return nil
	})
}

func (s *fakeStore) CreateSilence(_ context.Context, _ crontopus.TenantID, _ string, silence crontopus.Silence) error {
	return s.locked(func() error { s.silences = append(s.silences, silence); return nil })
}

func (s *fakeStore) Silences(context.Context, crontopus.TenantID, crontopus.Page) (list []crontopus.Silence, next string, err error) {
	return list, "", s.locked(func() error { list = s.silences; return nil })
}

func (s *fakeStore) SilencesInForce(_ context.Context, _ crontopus.TenantID, now time.Time) (list []crontopus.Silence, err error) {
	return list, s.locked(func() error {
		list = slices.DeleteFunc(slices.Clone(s.silences), func(s crontopus.Silence) bool { return !s.InForce(now) })
		return nil
	})
}

func (s *fakeStore) EndSilence(_ context.Context, _ crontopus.TenantID, _, id string, now time.Time) (silence crontopus.Silence, err error) {
	return silence, s.locked(func() error {
		for i := range s.silences {
			if s.silences[i].ID == id {
				s.silences[i].EndedAt = &now
				silence = s.silences[i]
				return nil
			}
		}
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no silence %q", id)
	})
}

func (s *fakeStore) MuteChannels(context.Context, crontopus.TenantID) (list []crontopus.MuteChannel, err error) {
	return list, s.locked(func() error { list = s.mute; return nil })
}

func (s *fakeStore) Counts(context.Context, crontopus.TenantID, time.Time) (c crontopus.Counts, err error) {
	return c, s.locked(func() error {
		c.Incidents = map[crontopus.AlertKind]int{}
		for _, in := range s.incidents {
			c.Incidents[in.Kind]++
		}
		return nil
	})
}
