package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"crontopus.dev/crontopus"
)

// Message is what people are told, in words and before any channel's markup. Its texts hold
// no control characters but newline and tab, and are valid UTF-8.
type Message struct {
	ID       string // of the notification: the same however often it is sent
	Key      string // what messages of one incident share; of the notification where there is none
	Event    crontopus.NotificationEvent
	Severity crontopus.Severity
	Title    string // one line: "Failed: production/backup on db-01"
	Text     string // a sentence that says why
	Facts    []Fact
	Output   string // the end of what the run wrote
	Link     string // to where people look, or ""
	Source   string // what it is about: "production/backup on db-01"
	At       time.Time
	Incident *crontopus.Incident // nil: a test, or a word on what was dropped
}

// Fact is one line of evidence.
type Fact struct{ Name, Value, Link string }

// Limits of a message's parts, in characters. The cause's sentence and the evidence were
// written by our own detector, but hold what hosts and repositories said.
const (
	maxTitle  = 200
	maxText   = 1500
	maxFact   = 300
	maxFacts  = 12
	maxOutput = 2000
)

// evidenceOutput is the evidence that holds a run's output.
const evidenceOutput = "output"

// Render writes a delivery's message.
func Render(d *crontopus.Delivery) Message {
	n := &d.Notification
	m := Message{ID: n.ID, Key: n.ID, Event: n.What, Severity: crontopus.InfoAlert, Link: d.Link, Source: d.Channel.Name().String(), At: n.At}
	switch {
	case d.Incident != nil:
		m.ofIncident(d.Incident)
	case n.What == crontopus.NotifyDropped:
		m.Severity = crontopus.WarningAlert
		m.Title = fmt.Sprintf("%d more notifications were not sent to %s", d.Dropped, m.Source)
		m.Text = fmt.Sprintf("The channel takes at most %d an hour (spec.maxPerHour). Look at the list of incidents for what else is wrong.", d.Channel.Spec.MaxPerHour)
	default:
		m.Title = "Test of the channel " + m.Source
		m.Text = "Somebody asked Crontopus for this message, to see whether it arrives. Nothing is wrong."
	}
	m.Title, m.Text = Line(m.Title, maxTitle), Clean(m.Text, maxText)
	return m
}

func (m *Message) ofIncident(i *crontopus.Incident) {
	m.Key, m.Severity, m.Incident, m.Source = i.ID, i.Severity, i, Line(about(&i.Subject), maxTitle)
	m.Title = verb(m.Event, i.Kind) + ": " + m.Source
	m.Text = i.Cause.Sentence
	if m.Event == crontopus.NotifyResolved && i.ResolvedWhy != "" {
		m.Text = i.ResolvedWhy
		if i.Cause.Sentence != i.ResolvedWhy { // as it is where Git takes a job away: the evidence says what was wrong
			m.Text += "\nIt was: " + i.Cause.Sentence
		}
	}
	m.fact("Since", i.OpenedAt.UTC().Format(time.RFC3339), "")
	if i.ResolvedAt != nil {
		m.fact("Until", i.ResolvedAt.UTC().Format(time.RFC3339), "")
	}
	if i.AcknowledgedBy != "" {
		m.fact("Acknowledged by", i.AcknowledgedBy, "")
	}
	if i.Failures > 1 {
		m.fact("Failures in a row", fmt.Sprint(i.Failures), "")
	}
	if i.MissedCount > 0 {
		m.fact("Runs missed", fmt.Sprint(i.MissedCount), "")
	}
	for _, e := range i.Cause.Evidence {
		if e.What == evidenceOutput {
			m.Output = Tail(e.Says, maxOutput)
			continue
		}
		says := e.Says
		if e.At != nil {
			says = strings.TrimSpace(says + " (" + e.At.UTC().Format(time.RFC3339) + ")")
		}
		m.fact(e.What, says, e.Link)
	}
}

func (m *Message) fact(name, value, link string) {
	if len(m.Facts) < maxFacts && value != "" {
		if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") {
			link = ""
		}
		m.Facts = append(m.Facts, Fact{Line(name, maxFact), Line(value, maxFact), Line(link, 4*maxFact)})
	}
}

// verb is the first word of a title.
func verb(what crontopus.NotificationEvent, kind crontopus.AlertKind) string {
	name, known := kinds[kind]
	if !known {
		name = string(kind)
	}
	switch what {
	case crontopus.NotifyResolved:
		return "Resolved"
	case crontopus.NotifyAcknowledged:
		return "Acknowledged"
	case crontopus.NotifyReminder:
		return "Still " + strings.ToLower(name[:1]) + name[1:]
	default:
		return name
	}
}

var kinds = map[crontopus.AlertKind]string{
	crontopus.AlertFailed:        "Failed",
	crontopus.AlertMissed:        "Missed",
	crontopus.AlertLateStart:     "Late",
	crontopus.AlertTooLong:       "Running too long",
	crontopus.AlertAgentOffline:  "Offline",
	crontopus.AlertDrift:         "Drifted",
	crontopus.AlertSyncFailed:    "Not synced",
	crontopus.AlertBundleExpired: "Bundle expired",
}

// about names what an incident is about.
func about(s *crontopus.Subject) string {
	switch {
	case s.Source != "":
		return "source " + s.Source
	case s.Job == crontopus.JobName{}:
		return "host " + s.Agent
	case s.Agent != "":
		return s.Job.String() + " on " + s.Agent
	default:
		return s.Job.String()
	}
}

// Clean makes a text fit to be shown: valid UTF-8, of control characters only newline and tab,
// none that turn the writing round, and at most so many characters.
func Clean(s string, most int) string { return cut(clean(s), most) }

// Line is Clean for a text of one line, such as a header.
func Line(s string, most int) string { return cut(strings.Join(strings.Fields(clean(s)), " "), most) }

// Tail is Clean that keeps the end.
func Tail(s string, most int) string {
	if len(s) > 4*most+utf8.UTFMax { // no more than can be needed is looked at
		s = s[len(s)-4*most:]
	}
	s = strings.TrimRight(clean(s), " \t\n")
	if n := utf8.RuneCountInString(s); n > most {
		s = "…" + string([]rune(s)[n-most+1:])
	}
	return s
}

func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return '�'
		}
		return r
	}, s)
}

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
