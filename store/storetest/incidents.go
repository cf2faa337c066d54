package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// openIncident is one about the agent's watch, opened by the detector's own way in.
func openIncident(t *testing.T, s *store.Store, agentID, id string, at time.Time) {
	t.Helper()
	_, err := s.SystemLook(t.Context(), at, 100, func(looks []crontopus.Look) []crontopus.Verdict {
		verdicts := make([]crontopus.Verdict, len(looks))
		for i := range looks {
			verdicts[i].Watch = looks[i].Watch
			verdicts[i].Watch.LookAt = at.Add(24 * time.Hour)
			if looks[i].Watch.ID == crontopus.AgentWatchID(agentID) {
				verdicts[i].Incidents = []crontopus.Incident{{ID: id, WatchID: looks[i].Watch.ID, Kind: crontopus.AlertDrift, State: crontopus.IncidentOpen,
					Subject: crontopus.Subject{Agent: "db-01"}, OpenedAt: at, ChangedAt: at, Missed: []crontopus.MissedRun{{Job: named("backup"), Agent: "db-01", Due: at}},
					Cause: crontopus.Cause{Code: crontopus.CauseEntryEdited, Sentence: "edited", Evidence: []crontopus.Evidence{{What: "x", Says: "y"}}}}}
				verdicts[i].Events = []crontopus.IncidentEvent{{ID: id + "-1", Incident: id, At: at, What: "opened"}}
			}
		}
		return verdicts
	})
	require.NoError(t, err)
}

// routed counts the incidents that are to be seen to at an instant.
func routed(t *testing.T, s *store.Store, at time.Time) (n int) {
	t.Helper()
	n, err := s.SystemRoute(t.Context(), at, 100, func(cases []crontopus.Case) []crontopus.Decision {
		list := make([]crontopus.Decision, len(cases))
		for i := range cases {
			list[i] = crontopus.Decision{Incident: cases[i].Incident, Routing: cases[i].Routing}
		}
		return list
	})
	require.NoError(t, err)
	return n
}

// looked counts the watches that are looked at at an instant.
func looked(t *testing.T, s *store.Store, at time.Time) (ids []string) {
	t.Helper()
	_, err := s.SystemLook(t.Context(), at, 100, func(looks []crontopus.Look) []crontopus.Verdict {
		verdicts := make([]crontopus.Verdict, len(looks))
		ids = nil
		for i := range looks {
			verdicts[i].Watch = looks[i].Watch
			verdicts[i].Watch.LookAt = at.Add(24 * time.Hour)
			ids = append(ids, looks[i].Watch.ID)
		}
		return verdicts
	})
	require.NoError(t, err)
	return ids
}

func resolveByHand(in *crontopus.Incident) (crontopus.IncidentEvent, error) {
	at := t0.Add(time.Hour)
	in.State, in.ResolvedAt, in.Resolution = crontopus.IncidentResolved, &at, crontopus.ResolvedByHand
	return crontopus.IncidentEvent{What: "resolved", Text: "mended"}, nil
}

var incidentCases = cases{
	"what no engine can look for finds nothing and breaks nothing": func(t *testing.T, s *store.Store) {
		for _, name := range []string{"a\x00b", "\xff", "'; DROP TABLE incidents; --"} {
			bad := []error{s.DeleteSecret(t.Context(), here, actor, name)}
			for _, f := range []crontopus.IncidentFilter{{Namespace: name}, {Agent: name}, {Kind: crontopus.AlertKind(name)}} {
				list, _, err := s.Incidents(t.Context(), here, f, crontopus.Page{Limit: 10})
				require.Empty(t, list)
				bad = append(bad, err)
			}
			_, err := s.Incident(t.Context(), here, name)
			bad = append(bad, err)
			_, err = s.EndSilence(t.Context(), here, actor, name, t0)
			bad = append(bad, err)
			_, err = s.RotateBadge(t.Context(), here, actor, name)
			bad = append(bad, err)
			for i, err := range bad {
				require.Contains(t, []string{"", crontopus.CodeNotFound, crontopus.CodeInvalid}, crontopus.ErrorCode(err), "%d: %q: %v", i, name, err)
			}
		}
	},
	"lists are filtered, the newest first, page by page, without evidence": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		openIncident(t, s, a.ID, "i1", t0)
		_, err := s.ChangeIncident(t.Context(), here, actor, "i1", t0, resolveByHand)
		require.NoError(t, err)
		openIncident(t, s, a.ID, "i2", t0.Add(time.Minute))
		ids := func(f crontopus.IncidentFilter, p crontopus.Page) (found []string, next string) {
			list, next, err := s.Incidents(t.Context(), here, f, p)
			require.NoError(t, err)
			for _, in := range list {
				require.Empty(t, in.Cause.Evidence)
				require.Empty(t, in.Missed)
				found = append(found, in.ID)
			}
			return found, next
		}
		all, _ := ids(crontopus.IncidentFilter{}, crontopus.Page{})
		require.Equal(t, []string{"i2", "i1"}, all)
		first, next := ids(crontopus.IncidentFilter{}, crontopus.Page{Limit: 1})
		require.Equal(t, []string{"i2"}, first)
		second, next := ids(crontopus.IncidentFilter{}, crontopus.Page{Limit: 1, After: next})
		require.Equal(t, []string{"i1"}, second)
		require.Empty(t, next)
		for want, f := range map[string]crontopus.IncidentFilter{
			"i1": {State: crontopus.IncidentResolved, Kind: crontopus.AlertDrift, Agent: "db-01"},
			"i2": {State: crontopus.IncidentOpen, Since: t0.Add(time.Minute)},
			"":   {State: crontopus.IncidentAcknowledged},
		} {
			found, _ := ids(f, crontopus.Page{})
			require.Equal(t, want, first0(found))
		}
		for _, f := range []crontopus.IncidentFilter{{Kind: crontopus.AlertFailed}, {Agent: "db-02"}, {Namespace: "production"}, {Job: new(named("backup"))}} {
			found, _ := ids(f, crontopus.Page{})
			require.Empty(t, found)
		}
		_, _, err = s.Incidents(t.Context(), here, crontopus.IncidentFilter{}, crontopus.Page{After: "?"})
		requireCode(t, crontopus.CodeInvalid, err)
	},
	"what a person changes is told, audited, looked at and seen to": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		openIncident(t, s, a.ID, "i1", t0)
		require.Equal(t, 1, routed(t, s, t0))
		require.Zero(t, routed(t, s, t0.Add(time.Hour)))
		now := t0.Add(time.Hour)
		in, err := s.ChangeIncident(t.Context(), here, actor, "i1", now, func(in *crontopus.Incident) (crontopus.IncidentEvent, error) {
			in.State, in.AcknowledgedAt, in.AcknowledgedBy = crontopus.IncidentAcknowledged, &now, actor
			return crontopus.IncidentEvent{What: "acknowledged", Text: "mine"}, nil
		})
		require.NoError(t, err)
		require.Equal(t, actor, in.AcknowledgedBy)
		kept, err := s.Incident(t.Context(), here, "i1")
		require.NoError(t, err)
		require.Equal(t, crontopus.IncidentAcknowledged, kept.State)
		require.NotEmpty(t, kept.Cause.Evidence)
		list, _, err := s.Incidents(t.Context(), here, crontopus.IncidentFilter{State: crontopus.IncidentAcknowledged}, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)

		story, err := s.IncidentEvents(t.Context(), here, "i1")
		require.NoError(t, err)
		require.Len(t, story, 2)
		story[1].ID = ""
		require.Equal(t, crontopus.IncidentEvent{Incident: "i1", At: now, Actor: actor, What: "acknowledged", Text: "mine"}, story[1])
		audit, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "incident.acknowledged", audit[0].Action)
		require.Equal(t, []string{crontopus.AgentWatchID(a.ID)}, looked(t, s, now))
		require.Equal(t, 1, routed(t, s, now))
	},
	"a change that is refused leaves nothing behind": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		openIncident(t, s, a.ID, "i1", t0)
		refused := crontopus.Errorf(crontopus.CodeConflict, "no")
		_, err := s.ChangeIncident(t.Context(), here, actor, "i1", t0, func(in *crontopus.Incident) (crontopus.IncidentEvent, error) {
			in.AcknowledgedBy = "nobody"
			return crontopus.IncidentEvent{}, refused
		})
		requireCode(t, crontopus.CodeConflict, err)
		in, err := s.Incident(t.Context(), here, "i1")
		require.NoError(t, err)
		require.Empty(t, in.AcknowledgedBy)
		story, err := s.IncidentEvents(t.Context(), here, "i1")
		require.NoError(t, err)
		require.Len(t, story, 1)
		_, err = s.ChangeIncident(t.Context(), here, actor, "i9", t0, resolveByHand)
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"of a long story the end is told": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		openIncident(t, s, a.ID, "i1", t0)
		for i := range crontopus.MaxStoryShown {
			_, err := s.ChangeIncident(t.Context(), here, actor, "i1", t0.Add(time.Duration(i+1)*time.Minute), func(*crontopus.Incident) (crontopus.IncidentEvent, error) {
				return crontopus.IncidentEvent{What: "comment", Text: fmt.Sprint(i)}, nil
			})
			require.NoError(t, err)
		}
		story, err := s.IncidentEvents(t.Context(), here, "i1")
		require.NoError(t, err)
		require.Len(t, story, crontopus.MaxStoryShown, "its first line is not among them")
		require.Equal(t, "0", story[0].Text)
		require.Equal(t, fmt.Sprint(crontopus.MaxStoryShown-1), story[len(story)-1].Text)
	},
	"a silence holds until its end or until it is ended; incidents are seen to at once": func(t *testing.T, s *store.Store) {
		_, a := running(t, s)
		openIncident(t, s, a.ID, "i1", t0)
		require.Equal(t, 1, routed(t, s, t0))
		now := t0.Add(time.Minute)
		silence := crontopus.Silence{ID: "s1", Match: crontopus.Match{Agents: []string{"db-01"}}, Reason: "move", CreatedBy: actor, CreatedAt: now, Until: now.Add(time.Hour)}
		require.NoError(t, s.CreateSilence(t.Context(), here, actor, silence))
		require.Equal(t, 1, routed(t, s, now))
		list, err := s.SilencesInForce(t.Context(), here, now)
		require.NoError(t, err)
		require.Equal(t, []crontopus.Silence{silence}, list)
		list, err = s.SilencesInForce(t.Context(), here, silence.Until)
		require.NoError(t, err)
		require.Empty(t, list)

		later := now.Add(time.Minute)
		ended, err := s.EndSilence(t.Context(), here, actor, "s1", later)
		require.NoError(t, err)
		require.Equal(t, later, *ended.EndedAt)
		require.Equal(t, 1, routed(t, s, later))
		list, err = s.SilencesInForce(t.Context(), here, later)
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = s.EndSilence(t.Context(), here, actor, "s1", later)
		requireCode(t, crontopus.CodeConflict, err)
		_, err = s.EndSilence(t.Context(), here, actor, "s9", later)
		requireCode(t, crontopus.CodeNotFound, err)
		list, _, err = s.Silences(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Equal(t, []crontopus.Silence{ended}, list)
		audit, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 2})
		require.NoError(t, err)
		require.Equal(t, []string{"silence.end", "silence.create"}, []string{audit[0].Action, audit[1].Action})
	},
	"counts are of what is wrong now": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		openIncident(t, s, a.ID, "i1", t0)
		c, err := s.Counts(t.Context(), here, t0)
		require.NoError(t, err)
		require.Equal(t, map[crontopus.AlertKind]int{crontopus.AlertDrift: 1}, c.Incidents)
		require.Equal(t, 1, c.Agents.Online+c.Agents.Offline+c.Agents.NeverSeen)
		require.NoError(t, s.SystemHeartbeats(t.Context(), []crontopus.Heartbeat{{Tenant: here, AgentID: a.ID, At: t0}}))
		w.record(a.ID, checkIn("backup", crontopus.EventFailure))
		at := checkIn("backup", crontopus.EventFailure).At
		c, err = s.Counts(t.Context(), here, at.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, 1, c.FailedRuns)
		c, err = s.Counts(t.Context(), here, t0.Add(2*time.Minute))
		require.NoError(t, err)
		require.Equal(t, crontopus.AgentCounts{Online: 1}, c.Agents)
		c, err = s.Counts(t.Context(), here, t0.Add(2*time.Hour))
		require.NoError(t, err)
		require.Equal(t, crontopus.AgentCounts{Offline: 1}, c.Agents)
		require.Zero(t, c.FailedRuns)
	},
}

func first0(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
