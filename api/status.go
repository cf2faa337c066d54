package api

import (
	"context"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type statusStore interface {
	incidentStore
	silenceStore
	sourceStore
	MuteChannels(ctx context.Context, tenant crontopus.TenantID) ([]crontopus.MuteChannel, error)
	Counts(ctx context.Context, tenant crontopus.TenantID, now time.Time) (crontopus.Counts, error)
}

// status tells on one screen what is wrong now.
type status struct {
	store statusStore
	now   func() time.Time
}

// mostShown is how many incidents the status names; the counts are of all.
const mostShown = 100

func (s status) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/status", "get-status", tagIncidents, "What is wrong now",
		"Open incidents, agents by state, sources that are not in force, runs that failed within the last hour, who is silenced, and channels that no message reaches."), s.get)
}

func (s status) get(ctx context.Context, in *TagIn) (*tagged[wire.Status], error) {
	tenant, now := callerOf(ctx).tenant, s.now().UTC()
	counts, err := s.store.Counts(ctx, tenant, now)
	if err != nil {
		return nil, err
	}
	open, _, err := s.store.Incidents(ctx, tenant, crontopus.IncidentFilter{State: crontopus.IncidentOpen}, crontopus.Page{Limit: mostShown})
	if err != nil {
		return nil, err
	}
	silenced, err := s.store.SilencesInForce(ctx, tenant, now)
	if err != nil {
		return nil, err
	}
	mute, err := s.store.MuteChannels(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all, _, err := s.store.Sources(ctx, tenant, crontopus.Page{Limit: crontopus.MaxPageLimit})
	if err != nil {
		return nil, err
	}
	said := wire.Status{Counts: counts, Open: orEmpty(open), Sources: notReady(all), Silences: orEmpty(silenced), Mute: mute}
	shown := said
	shown.At = now
	return tag(*in, shown, said) // the time alone is no news
}

// notReady says of sources whose newest revision is not in force why.
func notReady(all []crontopus.Source) []wire.SourceTrouble {
	list := []wire.SourceTrouble{}
	for i := range all {
		for _, c := range all[i].Status.Conditions {
			if c.Type == crontopus.ConditionReady && !c.Status {
				list = append(list, wire.SourceTrouble{Name: all[i].Name, Reason: c.Reason, Message: c.Message, Since: c.Since})
			}
		}
	}
	return list
}
