package diff_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests/diff"
)

// alerting puts what a manifest says into a file.
func alerting(m crontopus.AlertingManifest, name, path string) crontopus.DesiredAlerting {
	m.Metadata().Name = name
	m.SetDefaults()
	return crontopus.DesiredAlerting{AlertingManifest: m, Path: path, Line: 4}
}

func policy(name string, remind time.Duration, channels ...string) crontopus.DesiredAlerting {
	p := crontopus.AlertPolicy{APIVersion: crontopus.APIVersion, Kind: crontopus.KindAlertPolicy}
	p.Spec.RemindEvery = crontopus.Duration(remind)
	for _, c := range channels {
		p.Spec.Notify = append(p.Spec.Notify, crontopus.Notify{Channel: c})
	}
	return alerting(crontopus.AlertingManifest{Policy: &p}, name, name+".yaml")
}

func channel(name, secret string) crontopus.DesiredAlerting {
	c := crontopus.NotificationChannel{APIVersion: crontopus.APIVersion, Kind: crontopus.KindNotificationChannel}
	c.Spec.Type, c.Spec.Slack = crontopus.ChannelSlack, &crontopus.SlackChannel{URL: secret}
	return alerting(crontopus.AlertingManifest{Channel: &c}, name, name+".yaml")
}

func window(name, at string) crontopus.DesiredAlerting {
	w := crontopus.MaintenanceWindow{APIVersion: crontopus.APIVersion, Kind: crontopus.KindMaintenanceWindow}
	w.Spec.Schedule, w.Spec.Duration = crontopus.Schedules{at}, crontopus.Duration(time.Hour)
	return alerting(crontopus.AlertingManifest{Window: &w}, name, name+".yaml")
}

func TestAlertingIsComparedByKindAndName(t *testing.T) {
	t.Parallel()
	before := []crontopus.DesiredAlerting{policy("goes", 0, "chat"), policy("ops", time.Hour, "chat"), channel("chat", "secret:chat"), window("ops", "0 2 * * 0")}
	moved := channel("chat", "secret:chat")
	moved.Path, moved.Line = "elsewhere.yaml", 99
	after := []crontopus.DesiredAlerting{window("ops", "0 3 * * 0"), moved, policy("ops", 2*time.Hour, "chat", "pager"), channel("pager", "secret:pager")}

	var told []string
	changes := diff.Alerting(before, after)
	for _, c := range changes {
		told = append(told, string(c.Kind)+" "+c.What+" "+c.Name.String()+" "+c.File)
	}
	require.Equal(t, []string{
		"removed AlertPolicy default/goes goes.yaml",
		"changed AlertPolicy default/ops ops.yaml",
		"changed MaintenanceWindow default/ops ops.yaml",
		"added NotificationChannel default/pager pager.yaml",
	}, told, "a file that only moved is no difference, and two kinds may share a name")
	require.Equal(t, []diff.Field{
		{Path: "/spec/remindEvery", Before: []byte(`"1h"`), After: []byte(`"2h"`)},
		{Path: "/spec/notify", Before: []byte(`[{"channel":"chat"}]`), After: []byte(`[{"channel":"chat"},{"channel":"pager"}]`)},
	}, changes[1].Fields)
	require.Contains(t, changes[3].Fields, diff.Field{Path: "/spec/slack/url", After: []byte(`"secret:pager"`)})
	require.Contains(t, changes[0].Fields, diff.Field{Path: "/spec/notify", Before: []byte(`[{"channel":"chat"}]`)})
}

func TestTheSameAlertingIsNoDifference(t *testing.T) {
	t.Parallel()
	all := []crontopus.DesiredAlerting{policy("ops", time.Hour, "chat"), channel("chat", "secret:chat"), window("ops", "0 2 * * 0")}
	r := diff.New(state(job("a")), state(job("a")), diff.Fleet{}, noon)
	r.Alerting = diff.Alerting(all, all)
	require.False(t, r.Different())
	require.NotNil(t, r.Alerting, "for JSON")
	r.Alerting = diff.Alerting(all, nil)
	require.True(t, r.Different())
	require.Len(t, r.Alerting, 3)
}
