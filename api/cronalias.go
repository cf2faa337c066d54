package api

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// cronAlias takes check-ins as Sentry's Crons spells them, for scripts that speak it already. It
// is a ping by key and name in other words.
type cronAlias struct{ pings }

// cronBodyLimit is far more than what is read of a body: a monitor's configuration may be beside it.
const cronBodyLimit = 4 << 10

func (s cronAlias) register(r *router) {
	const (
		path    = "/api/v1/cron/{slug}/{key}"
		summary = "Check in as to Sentry Crons"
		about   = "`slug` is the job's name and `key` a ping key of its namespace. Give an in_progress check-in and its end the same `check_in_id`; " +
			"an end without one is that of the last in_progress without one."
		aboutPost = "As cron-check-in. Where there is a body it says everything, and the query nothing; what else is in it (`monitor_config`) is not read."
		slash     = ", at the address as its documentation writes it"
	)
	add(r, public, accepted(operation(http.MethodGet, path, "cron-check-in", tagCheckIns, summary, about)), s.get)
	add(r, public, accepted(operation(http.MethodGet, path+"/", "cron-check-in-slash", tagCheckIns, summary+slash, "")), s.get)
	for _, post := range []huma.Operation{
		operation(http.MethodPost, path, "cron-check-in-post", tagCheckIns, summary+", by POST", aboutPost),
		operation(http.MethodPost, path+"/", "cron-check-in-post-slash", tagCheckIns, summary+", by POST"+slash, ""),
	} {
		post.MaxBodyBytes = cronBodyLimit
		add(r, public, accepted(post), s.post)
	}
}

// CronIn is whose check-in it is, and what the address says of it; exported as PageIn is.
type CronIn struct {
	Slug string `path:"slug"`
	Key  string `path:"key"`
	CronReport
}

// CronReport is what a check-in says, in an address or in a body.
type CronReport struct {
	_           struct{} `additionalProperties:"true"`
	Status      string   `query:"status" json:"status,omitempty" enum:"in_progress,ok,error" doc:"It has to be said"`
	CheckInID   string   `query:"check_in_id" json:"check_in_id,omitempty" doc:"A UUID, with hyphens or without; all zeros are as none"`
	Duration    float64  `query:"duration" json:"duration,omitempty" minimum:"0" doc:"Seconds that the run took, for one whose start was not told"`
	Environment string   `query:"environment" json:"environment,omitempty" doc:"Taken and not kept: a job of each environment has a name of its own"`
}

type cronPostIn struct {
	CronIn
	Body *CronReport
}

type cronAliasAnswer struct {
	ID string `json:"id,omitempty" doc:"The check-in's id, as it was given"`
}

var cronEvents = map[string]crontopus.Event{
	"in_progress": crontopus.EventStart, "ok": crontopus.EventSuccess, "error": crontopus.EventFailure,
}

func (s cronAlias) get(ctx context.Context, in *CronIn) (*body[cronAliasAnswer], error) {
	return s.take(ctx, in.Slug, in.Key, in.CronReport)
}

func (s cronAlias) post(ctx context.Context, in *cronPostIn) (*body[cronAliasAnswer], error) {
	if in.Body != nil {
		return s.take(ctx, in.Slug, in.Key, *in.Body)
	}
	return s.get(ctx, &in.CronIn)
}

func (s cronAlias) take(ctx context.Context, slug, key string, said CronReport) (*body[cronAliasAnswer], error) {
	event, ok := cronEvents[said.Status]
	if !ok {
		return nil, invalid("the check-in has no status").WithHint("say status=in_progress, status=ok or status=error")
	}
	rid, err := cronRID(said.CheckInID)
	if err != nil {
		return nil, err
	}
	if !(said.Duration <= math.MaxInt32) { // nor is NaN, which no bound of the query's keeps out
		return nil, invalid("duration is %g seconds, and nothing runs that long", said.Duration)
	}
	p, job, err := s.find(ctx, pingPath{key: key, slug: slug})
	if err != nil {
		return nil, err
	}
	if !s.limit.allow(p.Tenant, job, s.now()) {
		return nil, crontopus.Errorf(codeRateLimited, "the job %s checks in too often", job.Name).WithHint("a job may check in %d times a second", pingsPerSecond)
	}
	took := time.Duration(said.Duration * float64(time.Second))
	if err := s.record(ctx, p, job, told{event: event, took: took}, rid); err != nil {
		return nil, err
	}
	return answer(cronAliasAnswer{ID: said.CheckInID}), nil
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
