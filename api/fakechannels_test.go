package api_test

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

func (s *fakeStore) SetSecret(_ context.Context, _ crontopus.TenantID, actor, name string, _ []byte) error {
	s.actors = append(s.actors, actor+" sets "+name)
	return s.fail
}

func (s *fakeStore) Secrets(context.Context, crontopus.TenantID) ([]crontopus.Secret, error) {
	return []crontopus.Secret{{Name: "slack", UpdatedAt: time.Unix(0, 0).UTC(), UpdatedBy: "key:ada"}}, s.fail
}

func (s *fakeStore) DeleteSecret(_ context.Context, _ crontopus.TenantID, actor, name string) error {
	s.actors = append(s.actors, actor+" deletes "+name)
	return s.fail
}

func (s *fakeStore) Channels(context.Context, crontopus.TenantID) ([]crontopus.NotificationChannel, error) {
	return []crontopus.NotificationChannel{{Metadata: crontopus.Metadata{Namespace: "production", Name: "ops"},
		Spec: crontopus.ChannelSpec{Type: crontopus.ChannelSlack, Slack: &crontopus.SlackChannel{URL: "secret:slack"}}}}, s.fail
}

func (s *fakeStore) DesiredAlerting(context.Context, crontopus.TenantID) ([]crontopus.DesiredAlerting, error) {
	policy := &crontopus.AlertPolicy{Kind: crontopus.KindAlertPolicy, Metadata: crontopus.Metadata{Namespace: "production", Name: "critical"},
		Spec: crontopus.AlertPolicySpec{Match: crontopus.Match{All: true}, Notify: []crontopus.Notify{{Channel: "ops"}}}}
	return []crontopus.DesiredAlerting{{AlertingManifest: crontopus.AlertingManifest{Policy: policy}, SourceID: "s1", Path: "alerting.yaml", Line: 4,
		Revision: "main@sha1:1"}}, s.fail
}

func (s *fakeStore) testChannel(_ context.Context, _ crontopus.TenantID, actor string, channel crontopus.JobName) (crontopus.Notification, error) {
	s.actors = append(s.actors, actor+" tests "+channel.String())
	return crontopus.Notification{ID: "n1", Channel: channel, What: crontopus.NotifyTest, State: crontopus.NotificationFailed,
		Attempts: []crontopus.Attempt{{Answer: "404 no_service"}}}, s.fail
}
