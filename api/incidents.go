package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type incidentStore interface {
	Incidents(ctx context.Context, tenant crontopus.TenantID, filter crontopus.IncidentFilter, page crontopus.Page) (list []crontopus.Incident, next string, err error)
	Incident(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.Incident, error)
	IncidentEvents(ctx context.Context, tenant crontopus.TenantID, id string) ([]crontopus.IncidentEvent, error)
	Notifications(ctx context.Context, tenant crontopus.TenantID, incidentID string) ([]crontopus.Notification, error)
	ChangeIncident(ctx context.Context, tenant crontopus.TenantID, actor, id string, now time.Time,
		change func(*crontopus.Incident) (crontopus.IncidentEvent, error)) (crontopus.Incident, error)
}

// incidents shows what is wrong, and takes what people say to it.
type incidents struct {
	store incidentStore
	now   func() time.Time
}

// Bounds of what a person says to an incident.
const (
	longestComment = 2000 // bytes
	longestQuiet   = crontopus.Duration(90 * 24 * time.Hour)
)

func (s incidents) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/incidents", "list-incidents", tagIncidents, "List incidents, newest first",
		"The list leaves evidence and missed runs out; a single incident has them."), s.list)
	add(r, viewer, operation(http.MethodGet, "/api/v1/incidents/{id}", "get-incident", tagIncidents, "Get an incident with its story",
		"Its cause with the evidence, what happened to it and who was told."), s.get)
	add(r, operator, operation(http.MethodPost, "/api/v1/incidents/{id}/acknowledge", "acknowledge-incident", tagIncidents, "Take an incident on",
		"Reminders and escalation end; channels that were told of it are told who has it."), s.acknowledge)
	add(r, operator, operation(http.MethodPost, "/api/v1/incidents/{id}/snooze", "snooze-incident", tagIncidents, "Tell nobody of an incident for a while",
		"When the time is over and it is still open, its policies go on where they were."), s.snooze)
	add(r, operator, operation(http.MethodPost, "/api/v1/incidents/{id}/comment", "comment-incident", tagIncidents, "Add a line to an incident's story", ""), s.comment)
	add(r, operator, operation(http.MethodPost, "/api/v1/incidents/{id}/resolve", "resolve-incident", tagIncidents, "End an incident by hand",
		"What went wrong until now opens no other one; what goes wrong from now on does. A host that is not heard of cannot be resolved."), s.resolve)
	r.handlePublic("/incidents/*", s.page)
}

// page is where the link of a message leads. It says how to look at the incident, and to nobody
// whether there is one.
func (s incidents) page(w http.ResponseWriter, r *http.Request) {
	id, isID := pingURLID(strings.TrimPrefix(r.URL.Path, "/incidents/"))
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		say(w, http.StatusMethodNotAllowed, "method not allowed")
	case !isID:
		say(w, http.StatusNotFound, "not found")
	default:
		say(w, http.StatusOK, "Look at this incident from where you are logged in:\n\n  crontopus incidents get "+id+"\n")
	}
}

type incidentsIn struct {
	PageIn
	TagIn
	State     string    `query:"state" enum:"open,acknowledged,resolved" doc:"Only incidents in this state; open are all that have not ended"`
	Kind      string    `query:"kind" enum:"failed,missed,lateStart,tooLong,agentOffline,drift,syncFailed,bundleExpired" doc:"Only conditions of this kind"`
	Job       string    `query:"job" example:"production/nightly-backup" doc:"Only incidents of this job"`
	Namespace string    `query:"namespace" doc:"Only incidents of this namespace's jobs"`
	Agent     string    `query:"agent" doc:"Only incidents on or of the agent of this name"`
	Since     time.Time `query:"since" doc:"Only incidents that were opened at or after this time"`
}

func (s incidents) list(ctx context.Context, in *incidentsIn) (*tagged[wire.List[crontopus.Incident]], error) {
	filter := crontopus.IncidentFilter{State: crontopus.IncidentState(in.State), Kind: crontopus.AlertKind(in.Kind),
		Namespace: in.Namespace, Agent: in.Agent, Since: in.Since}
	if in.Job != "" {
		name, err := crontopus.ParseJobName(in.Job)
		if err != nil {
			return nil, err
		}
		filter.Job = &name
	}
	found, next, err := s.store.Incidents(ctx, callerOf(ctx).tenant, filter, in.page())
	if err != nil {
		return nil, err
	}
	list := wire.List[crontopus.Incident]{Items: orEmpty(found), Next: next}
	return tag(in.TagIn, list, list)
}

// IncidentIn names an incident in the path; exported as PageIn is.
type IncidentIn struct {
	ID string `path:"id"`
}

func (s incidents) get(ctx context.Context, in *IncidentIn) (*body[wire.IncidentStory], error) {
	tenant := callerOf(ctx).tenant
	found, err := s.store.Incident(ctx, tenant, in.ID)
	if err != nil {
		return nil, err
	}
	events, err := s.store.IncidentEvents(ctx, tenant, in.ID)
	if err != nil {
		return nil, err
	}
	told, err := s.store.Notifications(ctx, tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(wire.IncidentStory{Incident: found, Events: orEmpty(events), Notifications: orEmpty(told)}), nil
}

type commentIn struct {
	IncidentIn
	Body wire.Comment
}

func (s incidents) acknowledge(ctx context.Context, in *commentIn) (*body[crontopus.Incident], error) {
	now, by := s.now().UTC(), callerOf(ctx).actor()
	return s.change(ctx, in.ID, "acknowledged", in.Body.Text, func(i *crontopus.Incident) error {
		if i.AcknowledgedAt != nil {
			return crontopus.Errorf(crontopus.CodeConflict, "the incident was acknowledged at %s by %s", i.AcknowledgedAt.UTC().Format(time.RFC3339), i.AcknowledgedBy)
		}
		i.State, i.AcknowledgedAt, i.AcknowledgedBy, i.ChangedAt = crontopus.IncidentAcknowledged, &now, by, now
		return stillOpen(i)
	})
}

func (s incidents) snooze(ctx context.Context, in *struct {
	IncidentIn
	Body wire.Snooze
}) (*body[crontopus.Incident], error) {
	until, err := quietUntil(in.Body.For, s.now())
	if err != nil {
		return nil, err
	}
	text := "until " + until.Format(time.RFC3339)
	if in.Body.Text != "" {
		text += ": " + in.Body.Text
	}
	return s.change(ctx, in.ID, "snoozed", text, func(i *crontopus.Incident) error {
		i.SnoozedUntil = &until
		return stillOpen(i)
	})
}

func (s incidents) comment(ctx context.Context, in *commentIn) (*body[crontopus.Incident], error) {
	if in.Body.Text == "" {
		return nil, invalid("a comment needs a text")
	}
	return s.change(ctx, in.ID, "commented", in.Body.Text, func(*crontopus.Incident) error { return nil })
}

func (s incidents) resolve(ctx context.Context, in *commentIn) (*body[crontopus.Incident], error) {
	now, by := s.now().UTC(), callerOf(ctx).actor()
	return s.change(ctx, in.ID, "resolved", in.Body.Text, func(i *crontopus.Incident) error {
		if i.Kind == crontopus.AlertAgentOffline && i.Open() {
			return crontopus.Errorf(crontopus.CodeConflict, "%s is not heard of, which ends only when it is back", i.Subject.Agent).
				WithHint("`crontopus incidents ack %[1]s` or `crontopus incidents snooze %[1]s` keep it quiet; "+
					"`crontopus agents revoke %[2]s` ends it if the host will not come back", i.ID, i.Subject.Agent)
		}
		if err := stillOpen(i); err != nil {
			return err
		}
		i.State, i.ResolvedAt, i.ChangedAt, i.Resolution = crontopus.IncidentResolved, &now, now, crontopus.ResolvedByHand
		i.ResolvedWhy = "resolved by " + by
		if in.Body.Text != "" {
			i.ResolvedWhy += ": " + in.Body.Text
		}
		return nil
	})
}

// change does what a person asks for, and tells the story of it.
func (s incidents) change(ctx context.Context, id, what, text string, change func(*crontopus.Incident) error) (*body[crontopus.Incident], error) {
	if err := checkText("the text", text, longestComment); err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	changed, err := s.store.ChangeIncident(ctx, c.tenant, c.actor(), id, s.now().UTC(), func(i *crontopus.Incident) (crontopus.IncidentEvent, error) {
		return crontopus.IncidentEvent{What: what, Text: text}, change(i)
	})
	if err != nil {
		return nil, err
	}
	return answer(changed), nil
}

func stillOpen(i *crontopus.Incident) error {
	if i.Open() {
		return nil
	}
	return crontopus.Errorf(crontopus.CodeConflict, "the incident ended at %s: %s", i.ResolvedAt.UTC().Format(time.RFC3339), i.ResolvedWhy)
}

// quietUntil is when it ends that nobody is told.
func quietUntil(d crontopus.Duration, now time.Time) (time.Time, error) {
	if d <= 0 || d > longestQuiet {
		return time.Time{}, invalid("%s is not how long to be quiet", d).WithHint("write a duration such as 2h, at most %s", longestQuiet)
	}
	return now.UTC().Add(d.Std()).Truncate(time.Microsecond), nil
}
