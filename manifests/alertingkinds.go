package manifests

import (
	crontopus "crontopus.dev/crontopus"
)

// policyOf, channelOf and windowOf take what is of the right type from a decoded document, as
// jobOf does.
func policyOf(doc map[string]any) crontopus.AlertPolicy {
	spec := object(doc, "spec")
	p := crontopus.AlertPolicy{
		APIVersion: text(doc, "apiVersion"), Kind: text(doc, "kind"), Metadata: metadata(doc),
		Spec: crontopus.AlertPolicySpec{
			Match:         matchOf(spec),
			Severity:      crontopus.Severity(text(spec, "severity")),
			AfterFailures: number(spec, "afterFailures"),
			RecoverAfter:  number(spec, "recoverAfter"),
			OfflineAfter:  duration(spec, "offlineAfter"),
			RemindEvery:   duration(spec, "remindEvery"),
		},
	}
	for _, kind := range list[string](spec, "when") {
		p.Spec.When = append(p.Spec.When, crontopus.AlertKind(kind))
	}
	for _, step := range list[map[string]any](spec, "notify") {
		p.Spec.Notify = append(p.Spec.Notify, crontopus.Notify{Channel: text(step, "channel"), After: duration(step, "after")})
	}
	return p
}

func matchOf(spec map[string]any) crontopus.Match {
	match := object(spec, "match")
	return crontopus.Match{
		All:        flag(match, "all"),
		Namespaces: list[string](match, "namespaces"),
		Labels:     texts(match, "labels"),
		Jobs:       list[string](match, "jobs"),
		Agents:     list[string](match, "agents"),
		Sources:    list[string](match, "sources"),
	}
}

func channelOf(doc map[string]any) crontopus.NotificationChannel {
	spec := object(doc, "spec")
	c := crontopus.NotificationChannel{
		APIVersion: text(doc, "apiVersion"), Kind: text(doc, "kind"), Metadata: metadata(doc),
		Spec: crontopus.ChannelSpec{Type: text(spec, "type"), Default: flag(spec, "default"), MaxPerHour: number(spec, "maxPerHour")},
	}
	if slack := object(spec, crontopus.ChannelSlack); slack != nil {
		c.Spec.Slack = &crontopus.SlackChannel{URL: text(slack, "url")}
	}
	if email := object(spec, crontopus.ChannelEmail); email != nil {
		c.Spec.Email = &crontopus.EmailChannel{
			To:       list[string](email, "to"),
			From:     text(email, "from"),
			Host:     text(email, "host"),
			Port:     number(email, "port"),
			TLS:      text(email, "tls"),
			Username: text(email, "username"),
			Password: text(email, "password"),
		}
	}
	if pager := object(spec, crontopus.ChannelPagerDuty); pager != nil {
		c.Spec.PagerDuty = &crontopus.PagerDutyChannel{RoutingKey: text(pager, "routingKey"), URL: text(pager, "url")}
	}
	if hook := object(spec, crontopus.ChannelWebhook); hook != nil {
		c.Spec.Webhook = &crontopus.WebhookChannel{URL: text(hook, "url"), Secrets: list[string](hook, "secrets")}
	}
	return c
}

func windowOf(doc map[string]any) crontopus.MaintenanceWindow {
	spec := object(doc, "spec")
	return crontopus.MaintenanceWindow{
		APIVersion: text(doc, "apiVersion"), Kind: text(doc, "kind"), Metadata: metadata(doc),
		Spec: crontopus.WindowSpec{
			Match:    matchOf(spec),
			Schedule: schedules(spec),
			Timezone: text(spec, "timezone"),
			Duration: duration(spec, "duration"),
			Start:    text(spec, "start"),
			End:      text(spec, "end"),
		},
	}
}

func number(m map[string]any, key string) int {
	n, _ := m[key].(int64)
	return int(n)
}
