// Package slack sends messages to an incoming webhook of Slack, or of what takes the same
// (Mattermost, Rocket.Chat): Block Kit, with a text for notifications and for who shows no blocks.
//
//	200 ok                                        delivered
//	400 invalid_payload, too_many_attachments     permanent
//	403 action_prohibited, invalid_token          permanent
//	404 no_service, channel_not_found             permanent: make another webhook
//	410 channel_is_archived                       permanent
//	429                                           transient, Retry-After is kept to
//	500 rollup_error and other 5xx                transient
//
// It imports the root package and alert/notify.
package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert/notify"
)

// Slack's limits, in characters as Slack counts them: after escaping.
const (
	maxHeader  = 150
	maxSection = 3000
	maxFields  = 10
	maxField   = 2000
)

// Payload is what an incoming webhook takes.
type Payload struct {
	Text   string  `json:"text"` // the fallback
	Blocks []Block `json:"blocks"`
}

// Block is one of Block Kit's.
type Block struct {
	Type     string `json:"type"` // header, section or context
	Text     *Text  `json:"text,omitempty"`
	Fields   []Text `json:"fields,omitempty"`
	Elements []Text `json:"elements,omitempty"`
}

// Text is a text object.
type Text struct {
	Type string `json:"type"` // plain_text or mrkdwn
	Text string `json:"text"`
}

// Send delivers a message once.
func Send(ctx context.Context, client *http.Client, d *crontopus.Delivery, m *notify.Message) notify.Outcome {
	body, err := json.Marshal(Write(m))
	if err != nil {
		return notify.Refused(err)
	}
	return notify.Post(ctx, client, strings.TrimSpace(d.Secrets[d.Channel.Spec.Slack.URL]), nil, body, nil)
}

// Write makes a message Slack's.
func Write(m *notify.Message) Payload {
	title := sign(m) + " " + m.Title
	p := Payload{Text: escape(title+"\n"+m.Text, maxSection)}
	p.Blocks = append(p.Blocks,
		Block{Type: "header", Text: &Text{"plain_text", notify.Line(title, maxHeader)}},
		section(escape(m.Text, maxSection)))
	var fields []Text
	for _, f := range m.Facts {
		value := escape(f.Value, maxField/2)
		if f.Link != "" {
			value = "<" + link(f.Link) + "|" + strings.ReplaceAll(value, "|", "¦") + ">"
		}
		if len(fields) < maxFields && utf8.RuneCountInString(value) < maxField-maxHeader {
			fields = append(fields, Text{"mrkdwn", "*" + escape(f.Name, maxHeader/2) + "*\n" + value})
		}
	}
	if fields != nil {
		p.Blocks = append(p.Blocks, Block{Type: "section", Fields: fields})
	}
	if m.Output != "" {
		// What would end the code block is spelled with a mark that looks the same.
		output := strings.ReplaceAll(m.Output, "```", "ˋˋˋ")
		p.Blocks = append(p.Blocks, section("```"+escapeTail(output, maxSection-6)+"```"))
	}
	if m.Link != "" {
		p.Blocks = append(p.Blocks, Block{Type: "context", Elements: []Text{{"mrkdwn", "<" + link(m.Link) + "|Look at it in Crontopus>"}}})
	}
	return p
}

func section(text string) Block { return Block{Type: "section", Text: &Text{"mrkdwn", text}} }

// sign shows at a glance how bad it is.
func sign(m *notify.Message) string {
	switch {
	case m.Event == crontopus.NotifyResolved:
		return "✅"
	case m.Event == crontopus.NotifyAcknowledged:
		return "👀"
	case m.Severity == crontopus.CriticalAlert, m.Severity == crontopus.ErrorAlert:
		return "🔴"
	case m.Severity == crontopus.WarningAlert:
		return "🟠"
	}
	return "🔵"
}

// escapes are the three characters that Slack wants escaped; nothing a job writes can mention
// anybody then, or hide where a link leads.
var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape keeps the beginning of what escaped is at most so long.
func escape(s string, most int) string {
	for n := most; ; n = n * 9 / 10 {
		if e := escapes.Replace(notify.Clean(s, n)); utf8.RuneCountInString(e) <= most {
			return e
		}
	}
}

// escapeTail keeps the end.
func escapeTail(s string, most int) string {
	for n := most; ; n = n * 9 / 10 {
		if e := escapes.Replace(notify.Tail(s, n)); utf8.RuneCountInString(e) <= most {
			return e
		}
	}
}

// link spells an address so that it cannot end its own markup.
func link(address string) string {
	return strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C").Replace(address)
}
