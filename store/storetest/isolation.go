package storetest

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// home is a tenant with something of everything, whose ids a stranger has learnt.
type home struct {
	world
	src     crontopus.Source
	agent   crontopus.Agent
	checkIn crontopus.CheckIn
	sync    crontopus.SyncOutcome
	badge   crontopus.Badge
}

func newHome(t *testing.T, s *store.Store) home {
	w, a := running(t, s)
	h := home{world: w, src: w.get("ops"), agent: a, checkIn: checkIn("backup", crontopus.EventStart)}
	require.NoError(t, s.CreateAPIKey(t.Context(), here, actor, apiKey("k1"), hash("k1")))
	require.NoError(t, s.CreatePingKey(t.Context(), here, actor, pingKey("p1"), hash("p1")))
	_, err := s.EnsurePingURL(t.Context(), here, named("backup"))
	require.NoError(t, err)
	h.badge, err = s.EnsureBadge(t.Context(), here, actor, badge("backup"))
	require.NoError(t, err)
	w.record(a.ID, h.checkIn)
	require.NoError(t, s.SetSecret(t.Context(), here, actor, "slack", []byte("hunter2")))
	require.NoError(t, s.CreateTest(t.Context(), here, actor, testOf("n1")))
	openIncident(t, s, a.ID, "i1", t0)
	require.NoError(t, s.CreateSilence(t.Context(), here, actor, crontopus.Silence{ID: "q1", CreatedAt: t0, Until: t0.Add(time.Hour)}))
	o := w.outcome(h.src, "backup", "report")
	o.Alerting = []crontopus.DesiredAlerting{policy(h.src, "critical"), channel(h.src, "chat"), window(h.src, "weekend")}
	require.NoError(t, s.FinishSync(t.Context(), here, h.src.ID, o))
	h.sync = w.outcome(h.src)
	h.sync.Desired, h.sync.Status.HeldPlan = nil, "abc"
	require.NoError(t, s.FinishSync(t.Context(), here, h.src.ID, h.sync))
	return h
}

// everything is all that can be seen of the tenant.
func (h home) everything() map[string]any {
	ctx, all := h.t.Context(), map[string]any{}
	see := func(name string, seen ...any) {
		require.Nil(h.t, seen[len(seen)-1], name) // the error
		all[name] = seen
	}
	call := func(values ...any) []any { return values }
	see("agents", call(h.s.AgentsAt(ctx, here))...)
	see("keys", call(h.s.APIKeys(ctx, here, crontopus.Page{}))...)
	see("ping keys", call(h.s.PingKeys(ctx, here, crontopus.Page{}))...)
	see("ping URL", call(h.s.PingURL(ctx, here, named("backup")))...)
	see("badges", call(h.s.Badges(ctx, here, crontopus.Page{}))...)
	see("badge's state", call(h.s.BadgeState(ctx, here, h.badge))...)
	see("audit", call(h.s.Audit(ctx, here, crontopus.Page{}))...)
	see("sources", call(h.s.Sources(ctx, here, crontopus.Page{}))...)
	see("secrets", call(h.s.SourceSecrets(ctx, here, h.src.ID))...)
	see("syncs", call(h.s.Syncs(ctx, here, "ops", crontopus.Page{}))...)
	see("alerting", call(h.s.DesiredAlerting(ctx, here))...)
	see("desired", call(h.s.DesiredSet(ctx, here))...)
	see("publication", call(h.s.Publication(ctx, here, h.agent.ID))...)
	see("run", call(h.s.Run(ctx, here, h.checkIn.RunID))...)
	see("runs", call(h.s.Runs(ctx, here, crontopus.RunFilter{}, crontopus.Page{}))...)
	see("key by hash", call(h.s.SystemAPIKey(ctx, hash("k1")))...)
	see("channel secrets", call(h.s.Secrets(ctx, here))...)
	d, err := h.s.Delivery(ctx, here, "n1")
	requireCode(h.t, crontopus.CodeNotFound, err) // it has no channel
	see("notification", d.Notification, nil)
	see("incident", call(h.s.Incident(ctx, here, "i1"))...)
	see("story", call(h.s.IncidentEvents(ctx, here, "i1"))...)
	see("silences", call(h.s.Silences(ctx, here, crontopus.Page{}))...)
	see("marked", call(h.s.SystemMarked(ctx, "", 1000))...)
	return all
}

// strangers say, for every method that takes a tenant, what another tenant gets that knows all
// ids: an error code, or "" where it sees an empty list or writes a row of its own.
var strangers = map[string]struct {
	code string
	call func(ctx context.Context, s *store.Store, h home) (seen any, err error)
}{
	"CreateAPIKey": {crontopus.CodeConflict, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.CreateAPIKey(ctx, there, actor, apiKey("k1"), hash("k1"))
	}},
	"APIKeys": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.APIKeys(ctx, there, crontopus.Page{})
		return list, err
	}},
	"RevokeAPIKey": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RevokeAPIKey(ctx, there, actor, "k1")
	}},
	"EnsurePingURL": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		id, err := s.EnsurePingURL(ctx, there, named("backup"))
		return id, err
	}},
	"PingURL": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.PingURL(ctx, there, named("backup"))
	}},
	"LogPing": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.LogPing(ctx, there, crontopus.Ping{Key: "p1"}, crontopus.CheckIn{Job: named("backup"), Output: []byte("theirs")})
	}},
	"RotatePingURL": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		id, err := s.RotatePingURL(ctx, there, actor, named("backup"))
		return id, err
	}},
	"CreatePingKey": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.CreatePingKey(ctx, there, actor, pingKey("p1"), hash("theirs"))
	}},
	"PingKeys": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.PingKeys(ctx, there, crontopus.Page{})
		return list, err
	}},
	"RevokePingKey": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RevokePingKey(ctx, there, actor, "p1")
	}},
	"EnsureBadge": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		made, err := s.EnsureBadge(ctx, there, actor, badge("backup"))
		return made.ID, err
	}},
	"Badges": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Badges(ctx, there, crontopus.Page{})
		return list, err
	}},
	"RotateBadge": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		b, err := s.RotateBadge(ctx, there, actor, h.badge.ID)
		return b.ID, err
	}},
	"RemoveBadge": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RemoveBadge(ctx, there, actor, h.badge.ID)
	}},
	"BadgeState": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		state, err := s.BadgeState(ctx, there, h.badge)
		return state.Total, err
	}},
	"Audit": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Audit(ctx, there, crontopus.Page{})
		return list, err
	}},
	"CreateEnrollmentToken": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		token := crontopus.EnrollmentToken{ID: "theirs", Uses: 1, ExpiresAt: t0.AddDate(1, 0, 0)}
		return nil, s.CreateEnrollmentToken(ctx, there, actor, token, hash("theirs"))
	}},
	"Agents": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Agents(ctx, there, crontopus.Page{})
		return list, err
	}},
	"AgentByName": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.AgentByName(ctx, there, h.agent.ID)
	}},
	"AgentsAt": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.AgentsAt(ctx, there)
		return list, err
	}},
	"AgentsSince": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.AgentsSince(ctx, there, 0)
		return list, err
	}},
	"RotateAgentKey": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RotateAgentKey(ctx, there, actor, h.agent.ID, h.agent.PublicKey, candidate("").PublicKey)
	}},
	"RevokeAgent": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.RevokeAgent(ctx, there, actor, h.agent.ID, t0)
	}},
	"SaveReport": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.SaveReport(ctx, there, h.agent.ID, crontopus.AgentReport{At: t0, Facts: map[string]string{"os": "theirs"}})
	}},
	"CreateSource": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.CreateSource(ctx, there, actor, crontopus.Source{ID: "theirs", Name: "ops", CreatedAt: t0}, crontopus.SourceSecrets{})
	}},
	"Source": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Source(ctx, there, "ops")
	}},
	"Sources": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Sources(ctx, there, crontopus.Page{})
		return list, err
	}},
	"SourceSecrets": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.SourceSecrets(ctx, there, h.src.ID)
	}},
	"RequestSync": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RequestSync(ctx, there, actor, "ops", t0)
	}},
	"SuspendSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.SuspendSource(ctx, there, actor, "ops", true)
	}},
	"ApprovePlan": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.ApprovePlan(ctx, there, actor, "ops", "abc")
	}},
	"PinSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.PinSource(ctx, there, actor, "ops", "0123456", t0)
	}},
	"UnpinSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.UnpinSource(ctx, there, actor, "ops", t0)
	}},
	"RollbackSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		revision, err := s.RollbackSource(ctx, there, actor, "ops", "", t0)
		return revision, err
	}},
	"LimitSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.LimitSource(ctx, there, actor, "ops", crontopus.SourceLimits{MaxEntries: 1}, t0)
	}},
	"ChangeSourceSecrets": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		theirs := crontopus.SourceSecrets{Password: "theirs"}
		replaced, err := s.ChangeSourceSecrets(ctx, there, actor, "ops", theirs, theirs, t0)
		return replaced, err
	}},
	"RemoveSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RemoveSource(ctx, there, actor, "ops", t0)
	}},
	"StallSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.StallSource(ctx, there, h.src.ID, crontopus.ReasonSealBroken, "theirs", t0)
	}},
	"Alerting": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Alerting(ctx, there)
	}},
	"DesiredAlerting": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.DesiredAlerting(ctx, there)
	}},
	"FinishSync": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.FinishSync(ctx, there, h.src.ID, h.sync)
	}},
	"DropSource": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.DropSource(ctx, there, h.src.ID, []string{h.agent.ID})
	}},
	"Syncs": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Syncs(ctx, there, "ops", crontopus.Page{})
		return list, err
	}},
	"Sync": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Sync(ctx, there, h.sync.Sync.ID)
	}},
	"DesiredSet": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		set, err := s.DesiredSet(ctx, there)
		return set.States, err
	}},
	"DesiredSince": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		set, err := s.DesiredSince(ctx, there, map[string]int64{h.src.ID: 0})
		return set.States, err
	}},
	"Publication": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Publication(ctx, there, h.agent.ID)
	}},
	"CommitPublications": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		marks, err := s.SystemMarked(ctx, "", 10)
		if err != nil {
			return nil, err
		}
		if err := s.CommitPublications(ctx, there, 0, nil, marks); err != nil {
			return nil, err // clearing another's marks is nothing, not an error
		}
		return nil, s.CommitPublications(ctx, there, 0, []crontopus.Publication{bundle(h.agent, 9, "theirs")}, marks)
	}},
	"Jobs": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Jobs(ctx, there, crontopus.Page{})
		return list, err
	}},
	"Job": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Job(ctx, there, named("backup"))
	}},
	"JobAgents": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.JobAgents(ctx, there, named("backup"))
	}},
	"JobZones": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		zones, err := s.JobZones(ctx, there, named("backup"))
		return slices.Collect(maps.Keys(zones)), err
	}},
	"AgentJobs": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.AgentJobs(ctx, there, h.agent.ID)
	}},
	"RecordCheckIns": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		c := h.checkIn
		c.Event = crontopus.EventFailure
		for _, agent := range []string{h.agent.ID, ""} {
			results, err := s.RecordCheckIns(ctx, there, agent, []crontopus.CheckIn{c})
			if err != nil || results[0] == nil {
				return results, err
			}
			err = results[0]
			if agent == "" {
				return nil, err
			}
		}
		return nil, nil
	}},
	"Runs": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Runs(ctx, there, crontopus.RunFilter{Agent: "db-01"}, crontopus.Page{})
		return list, err
	}},
	"Run": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Run(ctx, there, h.checkIn.RunID)
	}},
	"RunsNamed": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.RunsNamed(ctx, there, []string{h.checkIn.RunID})
	}},
	"RunsSince": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.RunsSince(ctx, there, time.Time{})
	}},
	"Follow": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.Follow(ctx, there)
	}},
	"SetSecret": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.SetSecret(ctx, there, actor, "slack", []byte("theirs"))
	}},
	"Secrets": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Secrets(ctx, there)
	}},
	"DeleteSecret": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.DeleteSecret(ctx, there, actor, "slack")
	}},
	"CreateTest": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.CreateTest(ctx, there, actor, testOf("n1"))
	}},
	"Delivery": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		d, err := s.Delivery(ctx, there, "n1")
		return d.Notification.ID, err
	}},
	"RecordAttempt": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.RecordAttempt(ctx, there, "n1", nil, crontopus.NotificationFailed)
	}},
	"Notifications": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Notifications(ctx, there, "i1")
	}},
	"Incidents": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Incidents(ctx, there, crontopus.IncidentFilter{}, crontopus.Page{})
		return list, err
	}},
	"Incident": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Incident(ctx, there, "i1")
	}},
	"IncidentEvents": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.IncidentEvents(ctx, there, "i1")
	}},
	"ChangeIncident": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.ChangeIncident(ctx, there, actor, "i1", t0, resolveByHand)
	}},
	"Counts": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		c, err := s.Counts(ctx, there, t0)
		return c.Incidents, err
	}},
	"CreateSilence": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return nil, s.CreateSilence(ctx, there, actor, crontopus.Silence{ID: "q1", CreatedAt: t0, Until: t0.Add(time.Hour)})
	}},
	"Silences": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		list, _, err := s.Silences(ctx, there, crontopus.Page{})
		return list, err
	}},
	"SilencesInForce": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.SilencesInForce(ctx, there, t0)
	}},
	"EndSilence": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.EndSilence(ctx, there, actor, "q1", t0)
	}},
	"Channels": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Channels(ctx, there)
	}},
	"MuteChannels": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.MuteChannels(ctx, there)
	}},
	"Channel": {crontopus.CodeNotFound, func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.Channel(ctx, there, named("ops"))
	}},
	"LastRuns": {"", func(ctx context.Context, s *store.Store, h home) (any, error) {
		return s.LastRuns(ctx, there, []crontopus.JobName{named("backup")})
	}},
}

// scoped returns the names of the methods that take a tenant, and fails for one that takes
// none and does not say so in its name.
func scoped(t *testing.T) (names []string) {
	methods, tenant := reflect.TypeFor[*store.Store](), reflect.TypeFor[crontopus.TenantID]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		switch {
		case m.Type.NumIn() > 2 && m.Type.In(2) == tenant:
			names = append(names, m.Name)
		case strings.HasPrefix(m.Name, "System"), m.Name == "Ping", m.Name == "Close":
		default:
			t.Errorf("%s takes no tenant: give it one, or name it System… for the scope that it needs", m.Name)
		}
	}
	return names
}

var isolationCases = cases{
	"every method that takes a tenant has a stranger": func(t *testing.T, s *store.Store) {
		for _, name := range scoped(t) {
			require.Contains(t, strangers, name, "say in strangers what another tenant gets of it")
		}
		require.Len(t, strangers, len(scoped(t)), "a stranger of a method that is gone")
	},
	"a stranger who knows every id sees nothing and touches nothing": func(t *testing.T, s *store.Store) {
		h := newHome(t, s)
		require.NoError(t, s.SystemCreateTenant(t.Context(), crontopus.Tenant{ID: there, Name: "other", CreatedAt: t0}))
		before := h.everything()
		for _, creating := range []bool{false, true} { // last, what gives the stranger rows of its own
			for name, stranger := range strangers {
				if creating != (strings.HasPrefix(name, "Create") || strings.HasPrefix(name, "Set")) {
					continue
				}
				seen, err := stranger.call(t.Context(), s, h)
				require.Equal(t, stranger.code, crontopus.ErrorCode(err), "%s: %v", name, err)
				if err == nil {
					require.Empty(t, seen, name)
				}
				after := h.everything()
				for what := range before {
					require.Equal(t, before[what], after[what], "%s changed %s", name, what)
				}
			}
		}
	},
	"no name of a tenant means everybody or gets out of its quotes": func(t *testing.T, s *store.Store) {
		h := newHome(t, s)
		before := h.everything()
		for _, name := range []crontopus.TenantID{"", "*", "'", "''", `\'`, "default' OR 'a'='a", "*\x00", "\xff*", "'; DROP TABLE runs; --",
			"x', true); SELECT set_config('crontopus.tenant', '*"} {
			list, _, err := s.Agents(t.Context(), name, crontopus.Page{})
			if err != nil { // a text that an engine does not take
				requireCode(t, crontopus.CodeInvalid, err)
			}
			require.Empty(t, list)
			require.Error(t, s.RevokeAPIKey(t.Context(), name, actor, "k1"))
			require.Error(t, s.CreateSource(t.Context(), name, actor, crontopus.Source{ID: "x", Name: "x"}, crontopus.SourceSecrets{}))
		}
		require.Equal(t, before, h.everything())
	},
	"a heartbeat with another's tenant moves nothing": func(t *testing.T, s *store.Store) {
		h := newHome(t, s)
		before := h.everything()
		require.NoError(t, s.SystemHeartbeats(t.Context(), []crontopus.Heartbeat{{Tenant: there, AgentID: h.agent.ID, At: t0}}))
		require.Equal(t, before, h.everything())
	},
	"one run id is two runs in two tenants": func(t *testing.T, s *store.Store) {
		h := newHome(t, s)
		w := newWorld(t, s, there)
		w.sync(w.source("ops"), "backup")
		c := h.checkIn
		c.Event = crontopus.EventFailure
		w.record("", c)
		mine, err := s.Run(t.Context(), here, c.RunID)
		require.NoError(t, err)
		require.Equal(t, crontopus.RunRunning, mine.State)
		theirs, err := s.Run(t.Context(), there, c.RunID)
		require.NoError(t, err)
		require.Equal(t, crontopus.RunFailed, theirs.State)
	},
	"one job name is two jobs in two tenants": func(t *testing.T, s *store.Store) {
		h := newHome(t, s)
		w := newWorld(t, s, there)
		src := w.source("ops")
		w.sync(src, "backup")
		require.Equal(t, []string{"backup", "report"}, h.desired())
		w.sync(src)
		require.Equal(t, []string{"backup", "report"}, h.desired())
	},
}
