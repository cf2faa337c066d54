package api

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// cronAlias takes check-ins as Sentry's Crons spells them, for scripts that speak it already. It
// is a ping by key and name in other words.
type cronAlias struct{ pings }

func (s cronAlias) register(r *router) {
	add(r, public, accepted(operation(http.MethodGet, "/api/v1/cron/{slug}/{key}", "cron-check-in", tagCheckIns, "Check in as to Sentry Crons",
		"`slug` is the job's name and `key` a ping key of its namespace. Give an in_progress check-in and its end the same `check_in_id`; "+
			"an end without one is that of the last in_progress without one.")), s.take)
	add(r, public, accepted(operation(http.MethodGet, "/api/v1/cron/{slug}/{key}/", "cron-check-in-slash", tagCheckIns,
		"Check in as to Sentry Crons, at the address as its documentation writes it", "")), s.take)
}

type cronAliasIn struct {
	Slug        string  `path:"slug"`
	Key         string  `path:"key"`
	Status      string  `query:"status" required:"true" enum:"in_progress,ok,error"`
	CheckInID   string  `query:"check_in_id" doc:"A UUID, with hyphens or without; all zeros are as none"`
	Duration    float64 `query:"duration" minimum:"0" doc:"Seconds that the run took, for one whose start was not told"`
	Environment string  `query:"environment" doc:"Taken and not kept: a job of each environment has a name of its own"`
}

type cronAliasAnswer struct {
	ID string `json:"id,omitempty" doc:"The check-in's id, as it was given"`
}

var cronEvents = map[string]crontopus.Event{
	"in_progress": crontopus.EventStart, "ok": crontopus.EventSuccess, "error": crontopus.EventFailure,
}

func (s cronAlias) take(ctx context.Context, in *cronAliasIn) (*body[cronAliasAnswer], error) {
	rid, err := cronRID(in.CheckInID)
	if err != nil {
		return nil, err
	}
	if in.Duration > math.MaxInt32 {
		return nil, invalid("duration is %g seconds, and nothing runs that long", in.Duration)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	p, job, err := s.find(ctx, pingPath{key: in.Key, slug: in.Slug})
	if err != nil {
		return nil, err
	}
	if !s.limit.allow(p.Tenant, job, s.now()) {
		return nil, crontopus.Errorf(codeRateLimited, "the job %s checks in too often", job.Name).WithHint("a job may check in %d times a second", pingsPerSecond)
	}
	took := time.Duration(in.Duration * float64(time.Second))
	if err := s.record(ctx, p, job, told{event: cronEvents[in.Status], took: took}, rid); err != nil {
		return nil, err
	}
	return answer(cronAliasAnswer{ID: in.CheckInID}), nil
}

// cronRID reads a check-in's id. Sentry's own programs write it without hyphens.
func cronRID(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	id, err := uuid.Parse(s)
	switch {
	case err != nil || len(s) != 36 && len(s) != 32:
		return "", invalid("check_in_id %.50q is not a UUID", s)
	case id == uuid.Nil:
		return "", nil
	}
	return id.String(), nil
}
