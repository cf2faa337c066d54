package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

func metadata(name string) crontopus.Metadata {
	return crontopus.Metadata{Name: name, Namespace: "production"}
}

// alerted is a manifest of alerting as the source has it.
func alerted(src crontopus.Source, m crontopus.AlertingManifest) crontopus.DesiredAlerting {
	m.SetDefaults()
	return crontopus.DesiredAlerting{AlertingManifest: m, SourceID: src.ID, Path: "alerting.yaml", Line: 4, Revision: "main@sha1:1"}
}

func policy(src crontopus.Source, name string) crontopus.DesiredAlerting {
	return alerted(src, crontopus.AlertingManifest{Policy: &crontopus.AlertPolicy{
		APIVersion: crontopus.APIVersion, Kind: crontopus.KindAlertPolicy, Metadata: metadata(name),
		Spec: crontopus.AlertPolicySpec{Match: crontopus.Match{All: true}, Notify: []crontopus.Notify{{Channel: "chat"}}},
	}})
}

func channel(src crontopus.Source, name string) crontopus.DesiredAlerting {
	return alerted(src, crontopus.AlertingManifest{Channel: &crontopus.NotificationChannel{
		APIVersion: crontopus.APIVersion, Kind: crontopus.KindNotificationChannel, Metadata: metadata(name),
		Spec: crontopus.ChannelSpec{Type: crontopus.ChannelSlack, Slack: &crontopus.SlackChannel{URL: "secret:slack-url"}},
	}})
}

func window(src crontopus.Source, name string) crontopus.DesiredAlerting {
	return alerted(src, crontopus.AlertingManifest{Window: &crontopus.MaintenanceWindow{
		APIVersion: crontopus.APIVersion, Kind: crontopus.KindMaintenanceWindow, Metadata: metadata(name),
		Spec: crontopus.WindowSpec{Match: crontopus.Match{All: true}, Schedule: crontopus.Schedules{"0 3 * * 0"}, Duration: 2 * 3600e9},
	}})
}

// pingJob is a desired job without an agent.
func pingJob(src crontopus.Source, name string) crontopus.DesiredJob {
	j := job(src, name)
	j.Job.Spec = crontopus.JobSpec{Every: 24 * 3600e9, Target: crontopus.Target{Ping: true}}
	j.Job.SetDefaults()
	j.Digest = j.Job.Digest()
	return j
}

// alert makes manifests all that the source says of alerting.
func (w world) alert(src crontopus.Source, list ...crontopus.DesiredAlerting) error {
	o := w.outcome(src)
	o.Alerting = list
	return w.s.FinishSync(w.t.Context(), w.tenant, src.ID, o)
}

var alertingCases = cases{
	"a sync replaces what its source says of alerting, and nothing else": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		require.NoError(t, w.alert(ops, policy(ops, "critical"), channel(ops, "chat"), window(ops, "weekend")))
		require.NoError(t, w.alert(web, policy(web, "pages")))
		changed := policy(ops, "critical")
		changed.Policy.Spec.AfterFailures, changed.Revision = 3, "main@sha1:2"
		require.NoError(t, w.alert(ops, changed, channel(ops, "chat"), channel(ops, "mail")))

		list, err := s.DesiredAlerting(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, []crontopus.DesiredAlerting{changed, policy(web, "pages"), channel(ops, "chat"), channel(ops, "mail")}, list)
		all, err := s.Alerting(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, crontopus.Alerting{
			Policies: []crontopus.AlertPolicy{*changed.Policy, *policy(web, "pages").Policy},
			Channels: []crontopus.NotificationChannel{*channel(ops, "chat").Channel, *channel(ops, "mail").Channel},
		}, all)
	},
	"a manifest that moves in its file is found there": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, w.alert(src, window(src, "weekend")))
		moved := window(src, "weekend")
		moved.Path, moved.Line = "windows/weekend.yaml", 12
		require.NoError(t, w.alert(src, moved))
		list, err := s.DesiredAlerting(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, []crontopus.DesiredAlerting{moved}, list)
	},
	"what is open is seen to anew when Git says something else of alerting": func(t *testing.T, s *store.Store) {
		w, a := running(t, s)
		ops := w.source("alerting")
		openIncident(t, s, a.ID, "i1", t0)
		require.Equal(t, 1, routed(t, s, t0))
		changed, moved := policy(ops, "critical"), policy(ops, "critical")
		changed.Policy.Spec.AfterFailures = 3
		moved.Policy.Spec.AfterFailures, moved.Line = 3, 12
		for _, step := range []struct {
			what string
			list []crontopus.DesiredAlerting
			sees int
		}{
			{"a channel and a policy are new", []crontopus.DesiredAlerting{policy(ops, "critical"), channel(ops, "chat")}, 1},
			{"nothing changed", []crontopus.DesiredAlerting{policy(ops, "critical"), channel(ops, "chat")}, 0},
			{"a policy changed", []crontopus.DesiredAlerting{changed, channel(ops, "chat")}, 1},
			{"a manifest moved in its file", []crontopus.DesiredAlerting{moved, channel(ops, "chat")}, 0},
			{"a channel was renamed", []crontopus.DesiredAlerting{moved, channel(ops, "talk")}, 1},
			{"a window is new", []crontopus.DesiredAlerting{moved, channel(ops, "talk"), window(ops, "weekend")}, 1},
			{"a window is gone", []crontopus.DesiredAlerting{moved, channel(ops, "talk")}, 1},
		} {
			require.NoError(t, w.alert(ops, step.list...))
			require.Equal(t, step.sees, routed(t, s, time.Now().Add(time.Minute)), step.what)
		}
	},
	"what another source has under a name stays its own, and the whole sync fails": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		require.NoError(t, w.alert(ops, policy(ops, "critical"), channel(ops, "chat")))
		o := w.outcome(web, "render")
		o.Alerting = []crontopus.DesiredAlerting{channel(web, "mail"), channel(web, "chat")}
		requireCode(t, crontopus.CodeConflict, s.FinishSync(t.Context(), here, web.ID, o))
		require.Empty(t, w.desired())
		require.NoError(t, w.alert(web, channel(web, "critical")), "names are of a kind")
		list, err := s.DesiredAlerting(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, []crontopus.DesiredAlerting{policy(ops, "critical"), channel(ops, "chat"), channel(web, "critical")}, list)
	},
	"a sync that brings nothing into effect leaves it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src := w.source("ops")
		require.NoError(t, w.alert(src, policy(src, "critical")))
		o := w.outcome(src)
		o.Desired = nil
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		list, err := s.DesiredAlerting(t.Context(), here)
		require.NoError(t, err)
		require.Len(t, list, 1)
	},
	"it goes with its source": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		ops, web := w.source("ops"), w.source("web")
		require.NoError(t, w.alert(ops, policy(ops, "critical")))
		require.NoError(t, w.alert(web, channel(web, "chat")))
		require.NoError(t, s.RemoveSource(t.Context(), here, actor, "ops", t0))
		require.NoError(t, s.DropSource(t.Context(), here, ops.ID, nil))
		list, err := s.DesiredAlerting(t.Context(), here)
		require.NoError(t, err)
		require.Equal(t, []crontopus.DesiredAlerting{channel(web, "chat")}, list)
	},
}
