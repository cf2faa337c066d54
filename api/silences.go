package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type silenceStore interface {
	CreateSilence(ctx context.Context, tenant crontopus.TenantID, actor string, silence crontopus.Silence) error
	Silences(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (list []crontopus.Silence, next string, err error)
	SilencesInForce(ctx context.Context, tenant crontopus.TenantID, now time.Time) ([]crontopus.Silence, error)
	EndSilence(ctx context.Context, tenant crontopus.TenantID, actor, id string, now time.Time) (crontopus.Silence, error)
}

// silences are people's words that nobody is told of certain conditions for a while.
type silences struct {
	store silenceStore
	now   func() time.Time
}

func (s silences) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/silences", "list-silences", tagIncidents, "List silences, newest first",
		"With `inForce` those that hold now, the first to end first, and all of them."), s.list)
	add(r, operator, created(operation(http.MethodPost, "/api/v1/silences", "create-silence", tagIncidents, "Tell nobody of certain conditions for a while",
		"Incidents are opened as ever; what still holds when the silence ends is told then.")), s.create)
	add(r, operator, operation(http.MethodPost, "/api/v1/silences/{id}/end", "end-silence", tagIncidents, "End a silence before its time", ""), s.end)
}

func (s silences) list(ctx context.Context, in *struct {
	PageIn
	InForce bool `query:"inForce" doc:"Only those that hold now"`
}) (*body[wire.List[crontopus.Silence]], error) {
	tenant := callerOf(ctx).tenant
	if in.InForce {
		list, err := s.store.SilencesInForce(ctx, tenant, s.now())
		if err != nil {
			return nil, err
		}
		return listOf(list, ""), nil
	}
	list, next, err := s.store.Silences(ctx, tenant, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(list, next), nil
}

func (s silences) create(ctx context.Context, in *struct{ Body wire.SilenceInput }) (*body[crontopus.Silence], error) {
	c, now := callerOf(ctx), s.now().UTC().Truncate(time.Microsecond)
	until, err := quietUntil(in.Body.For, now)
	if err != nil {
		return nil, err
	}
	if err := checkMatch(&in.Body.Match); err != nil {
		return nil, err
	}
	if err := checkText("the reason", in.Body.Reason, longestComment); err != nil {
		return nil, err
	}
	silence := crontopus.Silence{ID: uuid.Must(uuid.NewV7()).String(), Match: in.Body.Match, Reason: in.Body.Reason,
		CreatedBy: c.actor(), CreatedAt: now, Until: until}
	if err := s.store.CreateSilence(ctx, c.tenant, c.actor(), silence); err != nil {
		return nil, err
	}
	return answer(silence), nil
}

// checkMatch refuses a match that says nothing, or more than any silence needs.
func checkMatch(m *crontopus.Match) error {
	if m.Empty() {
		return invalid("the silence does not say what it is about").WithHint(`name namespaces, labels, jobs, agents or sources; {"all": true} means everything`)
	}
	if err := checkPairs("label", m.Labels); err != nil {
		return err
	}
	const most = 100
	for what, names := range map[string][]string{"namespaces": m.Namespaces, "jobs": m.Jobs, "agents": m.Agents, "sources": m.Sources} {
		if len(names) > most {
			return invalid("there are more than %d %s", most, what)
		}
		for _, name := range names {
			if err := checkText("a name of the "+what, name, 256); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s silences) end(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[crontopus.Silence], error) {
	c := callerOf(ctx)
	ended, err := s.store.EndSilence(ctx, c.tenant, c.actor(), in.ID, s.now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return nil, err
	}
	return answer(ended), nil
}
