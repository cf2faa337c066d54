package storetest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// badge is of a job in the namespace production.
func badge(job string) crontopus.Badge {
	return crontopus.Badge{Namespace: "production", Name: job}
}

// badge makes one.
func (w world) badge(b crontopus.Badge) crontopus.Badge {
	w.t.Helper()
	made, err := w.s.EnsureBadge(w.t.Context(), w.tenant, actor, b)
	require.NoError(w.t, err)
	return made
}

// shows returns what a badge shows now.
func (w world) shows(b crontopus.Badge) crontopus.BadgeState {
	w.t.Helper()
	state, err := w.s.BadgeState(w.t.Context(), w.tenant, b)
	require.NoError(w.t, err)
	return state
}

// state is what a badge shows of up, late and down jobs.
func state(up, late, down int) crontopus.BadgeState {
	return crontopus.NewBadgeState(up+late+down, late, down)
}

// wrong has the detector find, on a day, what is wrong with jobs of the world.
func (w world) wrong(day int, kinds map[string]crontopus.AlertKind) {
	look(w.t, w.s, soon().AddDate(0, 0, 2*day), func(l *crontopus.Look) crontopus.Verdict {
		v := crontopus.Verdict{Watch: l.Watch}
		if kind := kinds[l.Watch.Job.Name]; kind != "" && l.Incident == nil {
			v.Incidents = []crontopus.Incident{incident(&l.Watch, kind, l.Now)}
		}
		return v
	})
}

// labelled is a job with labels.
func labelled(src crontopus.Source, name string, labels map[string]string) crontopus.DesiredJob {
	j := pingJob(src, name)
	j.Job.Metadata.Labels = labels
	j.Digest = j.Job.Digest()
	return j
}

var badgeCases = cases{
	"a job has one badge, at an address that is nothing but chance": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		b := w.badge(badge("backup"))
		require.Equal(t, uuid.Version(4), uuid.MustParse(b.ID).Version())
		require.Equal(t, b, w.badge(badge("backup")), "asked for again")
		found, err := s.SystemBadge(t.Context(), b.ID)
		require.NoError(t, err)
		require.Equal(t, b, found)
		require.Equal(t, here, found.Tenant)
		_, err = s.SystemBadge(t.Context(), uuid.NewString())
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.EnsureBadge(t.Context(), here, actor, badge("nothing"))
		requireCode(t, crontopus.CodeNotFound, err)
		entries, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "badge.create", entries[0].Action)
		require.Equal(t, "production/backup", entries[0].Object)
	},
	"a rotated or removed address shows nothing, and is in no log": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		b := w.badge(badge("backup"))
		next, err := s.RotateBadge(t.Context(), here, actor, b.ID)
		require.NoError(t, err)
		require.NotEqual(t, b.ID, next.ID)
		require.Equal(t, b.Job(), next.Job())
		_, err = s.SystemBadge(t.Context(), b.ID)
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.RotateBadge(t.Context(), here, actor, b.ID)
		requireCode(t, crontopus.CodeNotFound, err)
		require.NoError(t, s.RemoveBadge(t.Context(), here, actor, next.ID))
		_, err = s.SystemBadge(t.Context(), next.ID)
		requireCode(t, crontopus.CodeNotFound, err)
		requireCode(t, crontopus.CodeNotFound, s.RemoveBadge(t.Context(), here, actor, next.ID))
		entries, _, err := s.Audit(t.Context(), here, crontopus.Page{Limit: 2})
		require.NoError(t, err)
		require.Equal(t, []string{"badge.remove", "badge.rotate"}, []string{entries[0].Action, entries[1].Action})
		require.NotContains(t, fmt.Sprint(entries), next.ID)
	},
	"badges are listed by what they are of, page by page": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		for _, b := range []crontopus.Badge{badge("report"), {Namespace: "production", Label: "tier=1"}, {Label: "team=b"}, badge("backup"), {Label: "team=a"}} {
			w.badge(b)
		}
		var of []string
		p := crontopus.Page{Limit: 2}
		for pages := 1; ; pages++ {
			list, next, err := s.Badges(t.Context(), here, p)
			require.NoError(t, err)
			for _, b := range list {
				of = append(of, b.Of())
			}
			if p.After = next; next == "" {
				require.Equal(t, 3, pages)
				break
			}
		}
		require.Equal(t, []string{"team=a", "team=b", "tier=1 in production", "production/backup", "production/report"}, of)
		_, _, err := s.Badges(t.Context(), here, crontopus.Page{After: "?"})
		requireCode(t, crontopus.CodeInvalid, err)
	},
	"a job's badge follows its incidents": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		b, other := w.badge(badge("backup")), w.badge(badge("report"))
		require.Equal(t, crontopus.BadgeState{Status: crontopus.BadgeUp, Total: 1}, w.shows(b))
		w.wrong(1, map[string]crontopus.AlertKind{"backup": crontopus.AlertTooLong})
		require.Equal(t, crontopus.BadgeState{Status: crontopus.BadgeLate, Total: 1, Late: 1}, w.shows(b))
		list, _, err := s.Incidents(t.Context(), here, crontopus.IncidentFilter{}, crontopus.Page{})
		require.NoError(t, err)
		_, err = s.ChangeIncident(t.Context(), here, actor, list[0].ID, t0, resolveByHand)
		require.NoError(t, err)
		require.Equal(t, state(1, 0, 0), w.shows(b))
		w.wrong(2, map[string]crontopus.AlertKind{"backup": crontopus.AlertFailed})
		require.Equal(t, crontopus.BadgeState{Status: crontopus.BadgeDown, Total: 1, Down: 1}, w.shows(b))
		require.Equal(t, state(1, 0, 0), w.shows(other))
	},
	"a job whose run a host that is offline has missed is down": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		b := w.badge(badge("backup"))
		miss := func(day int, host string) {
			look(t, s, soon().AddDate(0, 0, 2*day), func(l *crontopus.Look) crontopus.Verdict {
				v := crontopus.Verdict{Watch: l.Watch}
				switch {
				case l.Watch.ID == crontopus.AgentWatchID(a.ID) && l.Incident == nil:
					v.Incidents = []crontopus.Incident{incident(&l.Watch, crontopus.AlertAgentOffline, l.Now)}
				case l.Watch.Kind == crontopus.WatchEntry:
					v.Watch.State.Host = host
				}
				return v
			})
		}
		miss(1, "")
		require.Equal(t, state(1, 0, 0), w.shows(b), "the host is away, and nothing was due")
		miss(2, "i1")
		require.Equal(t, state(0, 0, 1), w.shows(b))
		require.Equal(t, state(1, 0, 0), w.shows(w.badge(badge("report"))))
	},
	"a label's badge is as bad as the worst of its jobs": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		o := w.outcome(src)
		o.Desired.Jobs = []crontopus.DesiredJob{
			labelled(src, "a", map[string]string{"team": "platform", "x": "y"}), labelled(src, "b", map[string]string{"team": "platform"}),
			labelled(src, "c", map[string]string{"team": "platform"}), labelled(src, "d", map[string]string{"team": "plat_orm"}),
			labelled(src, "e", nil), labelled(src, "f", map[string]string{"app/team": "platform"}),
		}
		o.Desired.Jobs[2].Job.Spec.Suspend = true
		o.Desired.Jobs[2].Digest = o.Desired.Jobs[2].Job.Digest()
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		team := w.badge(crontopus.Badge{Label: "team=platform"})
		require.Equal(t, state(2, 0, 0), w.shows(team), "what is suspended does not count")
		w.wrong(1, map[string]crontopus.AlertKind{"a": crontopus.AlertLateStart, "d": crontopus.AlertMissed, "e": crontopus.AlertMissed})
		require.Equal(t, state(1, 1, 0), w.shows(team))
		w.wrong(2, map[string]crontopus.AlertKind{"b": crontopus.AlertMissed})
		require.Equal(t, crontopus.BadgeState{Status: crontopus.BadgeDown, Total: 2, Late: 1, Down: 1}, w.shows(team))
		require.Equal(t, state(0, 0, 1), w.shows(w.badge(crontopus.Badge{Label: "team=plat_orm"})), "an underscore is no wildcard")
		require.Equal(t, state(0, 1, 1), w.shows(w.badge(crontopus.Badge{Namespace: "production", Label: "team=platform"})))
		for _, none := range []string{"team=nobody", "team=", "x=%", `team="platform"`, "=", "team"} {
			require.Equal(t, crontopus.BadgeState{Status: crontopus.BadgeUnwatched}, w.shows(w.badge(crontopus.Badge{Label: none})), none)
		}
		require.Equal(t, state(0, 0, 0), w.shows(w.badge(crontopus.Badge{Namespace: "other", Label: "team=platform"})))
	},
	"the badge of a job that has left the repository shows that nobody watches it": func(t *testing.T, s *store.Store) {
		w, _ := running(t, s)
		b := w.badge(badge("report"))
		w.sync(w.get("ops"), "backup")
		require.Equal(t, crontopus.BadgeUnwatched, w.shows(b).Status)
		w.sync(w.get("ops"), "backup", "report")
		require.Equal(t, crontopus.BadgeUp, w.shows(b).Status)
	},
}
