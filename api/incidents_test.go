package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// withIncidents is a server with a job that failed and a host that is not heard of.
func withIncidents(t *testing.T) *server {
	s := newServer(t)
	at := time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	for id, kind := range map[string]crontopus.AlertKind{"i1": crontopus.AlertFailed, "i2": crontopus.AlertAgentOffline} {
		s.store.incidents[id] = crontopus.Incident{ID: id, Kind: kind, State: crontopus.IncidentOpen, OpenedAt: at,
			Subject: crontopus.Subject{Job: backup, Agent: "db-01"}, Cause: crontopus.Cause{Code: crontopus.CauseExitCode, Sentence: "it exited with 3"}}
	}
	return s
}

func TestIncidentsAreFoundByWhatIsAskedFor(t *testing.T) {
	s := withIncidents(t)
	filter := crontopus.IncidentFilter{State: crontopus.IncidentOpen, Kind: crontopus.AlertFailed, Job: &backup, Namespace: "production", Agent: "db-01",
		Since: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	list, err := s.as(crontopus.RoleViewer).Incidents(t.Context(), filter, crontopus.Page{})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	require.Equal(t, filter, s.store.asked)
	for _, query := range []string{"state=closed", "kind=odd", "job=a/b/c", "since=yesterday"} {
		r := s.send(http.MethodGet, "/api/v1/incidents?"+query, "", s.bearer(crontopus.RoleViewer))
		require.Contains(t, []int{400, 422}, r.status, query)
	}
}

func TestAPersonTakesAnIncidentOnAndEndsIt(t *testing.T) {
	s := withIncidents(t)
	c := s.as(crontopus.RoleOperator)
	in, err := c.AcknowledgeIncident(t.Context(), "i1", "on it")
	require.NoError(t, err)
	require.Equal(t, crontopus.IncidentAcknowledged, in.State)
	require.Equal(t, "key:the operator", in.AcknowledgedBy)
	_, err = c.AcknowledgeIncident(t.Context(), "i1", "")
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))
	require.ErrorContains(t, err, "key:the operator")

	in, err = c.SnoozeIncident(t.Context(), "i1", wire.Snooze{For: crontopus.Duration(time.Hour), Text: "lunch"})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), *in.SnoozedUntil, time.Minute)
	_, err = c.CommentIncident(t.Context(), "i1", "the disk was full")
	require.NoError(t, err)
	in, err = c.ResolveIncident(t.Context(), "i1", "cleaned up")
	require.NoError(t, err)
	require.Equal(t, crontopus.ResolvedByHand, in.Resolution)
	require.Equal(t, "resolved by key:the operator: cleaned up", in.ResolvedWhy)
	_, err = c.ResolveIncident(t.Context(), "i1", "")
	require.ErrorContains(t, err, "cleaned up")
	_, err = c.SnoozeIncident(t.Context(), "i1", wire.Snooze{For: crontopus.Duration(time.Hour)})
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))

	shown, err := s.as(crontopus.RoleViewer).Incident(t.Context(), "i1")
	require.NoError(t, err)
	var story []string
	for _, e := range shown.Events {
		story = append(story, e.What)
	}
	require.Equal(t, []string{"acknowledged", "snoozed", "commented", "resolved"}, story)
}

func TestAHostThatIsNotHeardOfIsNotResolvedByAWord(t *testing.T) {
	s := withIncidents(t)
	_, err := s.as(crontopus.RoleOperator).ResolveIncident(t.Context(), "i2", "")
	require.Equal(t, crontopus.CodeConflict, crontopus.ErrorCode(err))
	require.Contains(t, crontopus.ErrorHint(err), "crontopus agents revoke db-01")
	require.True(t, new(s.store.incidents["i2"]).Open())
}

func TestWhatAPersonSaysIsChecked(t *testing.T) {
	s := withIncidents(t)
	for call, say := range map[string]string{
		"incidents/i1/comment":     `{}`,
		"incidents/i1/acknowledge": `{"text":"` + strings.Repeat("x", 2001) + `"}`,
		"incidents/i1/resolve":     `{"text":"\u0007"}`,
		"incidents/i1/snooze":      `{"for":"0s"}`,
		"silences":                 `{"match":{},"for":"2h"}`,
	} {
		r := s.send(http.MethodPost, "/api/v1/"+call, say, s.bearer(crontopus.RoleOperator))
		require.Equal(t, crontopus.CodeInvalid, r.problem(t).Code, call)
	}
	for _, d := range []string{"-1h", "91d", "soon"} {
		r := s.send(http.MethodPost, "/api/v1/silences", `{"match":{"all":true},"for":"`+d+`"}`, s.bearer(crontopus.RoleOperator))
		require.Equal(t, crontopus.CodeInvalid, r.problem(t).Code, d)
	}
	_, err := s.as(crontopus.RoleOperator).CommentIncident(t.Context(), "nothing", "x")
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
}

func TestASilenceHoldsUntilItIsEnded(t *testing.T) {
	s := withIncidents(t)
	c := s.as(crontopus.RoleOperator)
	made, err := c.CreateSilence(t.Context(), wire.SilenceInput{Match: crontopus.Match{Agents: []string{"db-01"}}, For: crontopus.Duration(2 * time.Hour), Reason: "move"})
	require.NoError(t, err)
	require.Equal(t, "key:the operator", made.CreatedBy)
	inForce, err := c.SilencesInForce(t.Context())
	require.NoError(t, err)
	require.Equal(t, []crontopus.Silence{made}, inForce.Items)
	ended, err := c.EndSilence(t.Context(), made.ID)
	require.NoError(t, err)
	require.NotNil(t, ended.EndedAt)
	inForce, err = c.SilencesInForce(t.Context())
	require.NoError(t, err)
	require.Empty(t, inForce.Items)
	all, err := c.Silences(t.Context(), crontopus.Page{})
	require.NoError(t, err)
	require.Len(t, all.Items, 1)
}

func TestStatusIsOneAnswerThatIsPolledByItsTag(t *testing.T) {
	s := withIncidents(t)
	source := s.store.sources["src-1"]
	source.Status.Conditions = []crontopus.Condition{{Type: crontopus.ConditionReady, Reason: crontopus.ReasonFetchFailed, Message: "no route"}}
	s.store.sources["src-1"] = source
	st, err := s.as(crontopus.RoleViewer).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[crontopus.AlertKind]int{crontopus.AlertFailed: 1, crontopus.AlertAgentOffline: 1}, st.Counts.Incidents)
	require.Len(t, st.Open, 2)
	require.Equal(t, []wire.SourceTrouble{{Name: "ops", Reason: crontopus.ReasonFetchFailed, Message: "no route"}}, st.Sources)
	require.Empty(t, st.Silences)
	require.Empty(t, st.Mute)
	mute := []crontopus.MuteChannel{{Channel: crontopus.JobName{Namespace: "shop", Name: "chat"}, Missing: []string{"shop.chat"}}}
	s.store.change(func() { s.store.mute = mute })
	st, err = s.as(crontopus.RoleViewer).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, mute, st.Mute)

	for _, path := range []string{"/api/v1/status", "/api/v1/incidents"} {
		first := s.send(http.MethodGet, path, "", s.bearer(crontopus.RoleViewer))
		tag := first.header.Get("ETag")
		require.NotEmpty(t, tag)
		again := s.send(http.MethodGet, path, "", s.bearer(crontopus.RoleViewer), "If-None-Match: "+tag)
		require.Equal(t, http.StatusNotModified, again.status, path)
		require.Empty(t, again.body)
		s.store.change(func() { delete(s.store.incidents, "i1") })
		require.Equal(t, http.StatusOK, s.send(http.MethodGet, path, "", s.bearer(crontopus.RoleViewer), "If-None-Match: "+tag).status, path)
		s.store.change(func() { s.store.incidents["i1"] = crontopus.Incident{ID: "i1", Kind: crontopus.AlertFailed} })
	}
}

func TestTheLinkOfAMessageSaysHowToLook(t *testing.T) {
	s := newServer(t)
	const id = "019ca6f1-8d2b-7c41-b0aa-5e6f7a8b9c0d" // which nobody has
	r := s.send(http.MethodGet, "/incidents/"+id, "")
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, string(r.body), "crontopus incidents get "+id)
	require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
	for _, path := range []string{"/incidents/", "/incidents/i1", "/incidents/" + id + "/x", "/incidents/%3Cscript%3E"} {
		r := s.send(http.MethodGet, path, "")
		require.Equal(t, http.StatusNotFound, r.status, path)
		require.Equal(t, "not found", string(r.body))
	}
	require.Equal(t, http.StatusMethodNotAllowed, s.send(http.MethodPost, "/incidents/"+id, "").status)
}
