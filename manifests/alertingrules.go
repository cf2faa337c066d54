package manifests

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	crontopus "crontopus.dev/crontopus"
)

// What durations of alerting may be.
const (
	minute          = crontopus.Duration(time.Minute)
	day             = 24 * 60 * minute
	maxOfflineAfter = 7 * day
	maxRemindEvery  = 31 * day
	maxNotifyAfter  = 7 * day
	maxWindow       = 31 * day
)

// checkPolicy finds what a schema cannot say of a policy.
func (d *document) checkPolicy(p *crontopus.AlertPolicy) {
	d.checkMatch(&p.Spec.Match)
	d.checkDuration(minute, maxOfflineAfter, false, "15m", "spec", "offlineAfter")
	d.checkDuration(minute, maxRemindEvery, true, "4h", "spec", "remindEvery")
	told := map[crontopus.JobName]bool{}
	for i, step := range p.Spec.Notify {
		at := []string{"spec", "notify", strconv.Itoa(i)}
		d.checkDuration(1, maxNotifyAfter, true, "30m", append(at, "after")...)
		name := p.ChannelName(step)
		if told[name] && step.Channel != "" {
			d.addPointer(append(at, "channel"), false, CodeInvalid, fmt.Sprintf("notify names the channel %.130q twice, and it is told once", step.Channel),
				"remove one of the two; remindEvery tells it again")
		}
		told[name] = true
	}
}

// checkMatch finds a match of which a part says nothing, or that nothing can be.
func (d *document) checkMatch(m *crontopus.Match) {
	others := len(m.Namespaces) + len(m.Labels) + len(m.Jobs) + len(m.Agents)
	switch {
	case m.All && others+len(m.Sources) > 0:
		d.addPointer([]string{"spec", "match", "all"}, true, CodeInvalid, "all is everything, whatever else the match says", "remove all, or the rest")
	case len(m.Sources) > 0 && others > 0:
		d.addPointer([]string{"spec", "match", "sources"}, true, CodeInvalid, "a source has neither jobs nor agents, so that nothing is both", "write a manifest of its own for sources")
	}
}

// checkDuration finds a duration that does not fit, or is beyond its bounds; zero is "never", where
// that is possible.
func (d *document) checkDuration(least, most crontopus.Duration, zero bool, example string, at ...string) {
	value := d.at(at...)
	if value == nil {
		return
	}
	said, isText := value.(string)
	length, err := crontopus.ParseDuration(said)
	name := at[len(at)-1]
	switch {
	case !isText && !zero, isText && err == nil && length == 0 && !zero, isText && err == nil && length != 0 && (length < least || length > most):
		bounds := fmt.Sprintf("from %s to %s", least, most)
		if least == 1 {
			bounds = "above 0 and at most " + most.String()
		}
		d.addPointer(at, false, CodeInvalid, name+" is not "+bounds, "write it like "+example)
	case isText && err != nil:
		d.addPointer(at, false, CodeInvalid, fmt.Sprintf("%.80q is not a duration that fits", said), "write it like 45m or 1d12h")
	}
}

// checkChannel finds what a schema cannot say of a channel.
func (d *document) checkChannel(c *crontopus.NotificationChannel) {
	spec := object(d.root, "spec")
	for _, part := range []string{crontopus.ChannelSlack, crontopus.ChannelEmail, crontopus.ChannelPagerDuty, crontopus.ChannelWebhook} {
		_, said := spec[part]
		switch {
		case part == c.Spec.Type && !said:
			d.addPointer([]string{"spec", "type"}, false, CodeMissingField, "the type is "+part+", and spec lacks "+part, "add `"+part+":` and how it is reached")
		case part != c.Spec.Type && said && c.Spec.Type != "":
			d.addPointer([]string{"spec", part}, true, CodeInvalid, fmt.Sprintf("the type is %.20s, and spec says %s, too", c.Spec.Type, part), "remove it, or make it a channel of its own")
		}
	}
	if e := c.Spec.Email; e != nil {
		d.checkEmail(e)
	}
	if p := c.Spec.PagerDuty; p != nil && p.URL != "" {
		d.checkAddress(p.URL, "spec", crontopus.ChannelPagerDuty, "url")
	}
	if w := c.Spec.Webhook; w != nil && w.URL != "" {
		d.checkAddress(w.URL, "spec", crontopus.ChannelWebhook, "url")
	}
}

// checkAddress finds addresses that are read by others on the way, or hold a secret.
func (d *document) checkAddress(address string, at ...string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		d.addPointer(at, false, CodeInvalid, "this is no address that a message can be sent to", "write it like https://hooks.example.com/crontopus")
	case u.User != nil:
		d.addPointer(at, false, CodeInvalid, "the address holds a name or password, and everybody reads the repository", "leave it out; messages are signed")
	case u.Scheme != "https" && !loopback(u.Hostname()):
		d.addPointer(at, false, CodeInvalid, "messages would travel in the clear", "write https://; http is for an address of the server's own host")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

func (d *document) checkEmail(e *crontopus.EmailChannel) {
	at := func(field ...string) []string { return append([]string{"spec", crontopus.ChannelEmail}, field...) }
	if e.From != "" {
		d.checkMailbox(e.From, at("from"))
	}
	for i, to := range e.To {
		d.checkMailbox(to, at("to", strconv.Itoa(i)))
	}
	switch {
	case e.Username != "" && e.Password == "":
		d.addPointer(at("username"), true, CodeInvalid, "there is a username and no password", "add `password: secret:NAME`")
	case e.Password != "" && e.Username == "":
		d.addPointer(at("password"), true, CodeInvalid, "there is a password and no username", "add the username, or remove the password")
	case e.Password != "" && e.TLS == crontopus.TLSNone && !loopback(e.Host):
		d.addPointer(at("tls"), false, CodeInvalid, "the password would travel in the clear", "write tls: starttls or implicit")
	}
}

// checkMailbox finds addresses that are none, or that would become more than one header.
func (d *document) checkMailbox(address string, at []string) {
	parsed, err := mail.ParseAddress(address)
	switch {
	case err != nil:
		d.addPointer(at, false, CodeInvalid, fmt.Sprintf("%.80q is not an e-mail address", address), "write it like ops@example.com")
	case strings.ContainsFunc(parsed.Name+parsed.Address, unicode.IsControl):
		d.addPointer(at, false, CodeInvalid, "the e-mail address holds a character that does not print", "write it like ops@example.com")
	}
}

// checkWindow finds what a schema cannot say of a window.
func (d *document) checkWindow(w *crontopus.MaintenanceWindow) {
	d.checkMatch(&w.Spec.Match)
	spec := object(d.root, "spec")
	said := func(name string) bool { _, has := spec[name]; return has }
	repeats, once := said("schedule") || said("duration"), said("start") || said("end")
	switch {
	case repeats && once:
		d.addPointer([]string{"spec"}, false, CodeInvalid, "the window says both schedule and start", "write schedule with duration, or start with end")
	case !repeats && !once:
		d.addPointer([]string{"spec"}, false, CodeMissingField, "the window does not say when it is", "write schedule with duration, or start with end")
	}
	for _, pair := range [][2]string{{"schedule", "duration"}, {"duration", "schedule"}, {"start", "end"}, {"end", "start"}} {
		if said(pair[0]) && !said(pair[1]) && repeats != once {
			d.addPointer([]string{"spec"}, false, CodeMissingField, fmt.Sprintf("the window says %s and lacks %s", pair[0], pair[1]), "add "+pair[1])
		}
	}
	d.checkExpressions(w.Spec.Schedule, crontopus.JobName{Namespace: w.Metadata.Namespace, Name: w.Metadata.Name}, "and a window has none")
	d.checkZone(w.Spec.Timezone, false)
	d.checkDuration(1, maxWindow, false, "2h", "spec", "duration")
	var times []time.Time
	for _, field := range []string{"start", "end"} {
		if at := text(spec, field); at != "" {
			instant, err := time.Parse(time.RFC3339, at)
			if err != nil {
				d.addPointer([]string{"spec", field}, false, CodeInvalid, fmt.Sprintf("%.40q is no date and time", at), "write it like 2026-12-24T18:00:00+02:00")
				continue
			}
			times = append(times, instant)
		}
	}
	if len(times) == 2 && !times[1].After(times[0]) {
		d.addPointer([]string{"spec", "end"}, false, CodeInvalid, "the window ends before it begins", "write an end after the start")
	}
}
