package alert

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"crontopus.dev/crontopus"
)

// what an entry is called in a sentence: nightly-backup on db-01.
func (e *entry) where() string {
	if e.subject.Agent == "" {
		return e.subject.Job.Name
	}
	return e.subject.Job.Name + " on " + e.subject.Agent
}

// clock says an instant as seen from now: the day only where it is another one.
func clock(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format("15:04") + " UTC"
	}
	return at.Format("2006-01-02 15:04") + " UTC"
}

// span says a duration roughly, as people do.
func span(d time.Duration) string {
	switch d = d.Abs(); {
	case d < 2*time.Minute:
		return crontopus.Duration(d.Round(time.Second)).String()
	case d < 48*time.Hour:
		return crontopus.Duration(d.Round(time.Minute)).String()
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}

// commitWords name the commit that last changed a job.
func commitWords(job *crontopus.DesiredJob) string {
	if job.Commit.Hash == "" {
		return job.Revision
	}
	return commitText(&job.Commit)
}

func commitText(c *crontopus.Commit) string {
	return fmt.Sprintf("%.10s (%s: %s)", c.Hash, c.Author, c.Subject)
}

// commitLink is where a forge shows a commit, "" where that is not known.
func commitLink(source, hash string) string {
	if hash == "" || !strings.HasPrefix(source, "https://") && !strings.HasPrefix(source, "http://") {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(source, "/"), ".git") + "/commit/" + hash
}

func startedWords(e *entry, r *crontopus.Run) string {
	if e.Agent == nil { // a ping says of no instant that it is for that one
		return fmt.Sprintf("%s was heard of, %s late", e.where(), span(e.place(r).Sub(e.state().Late)))
	}
	if due := place(r); due.After(e.state().Late) { // what was late was called off
		return fmt.Sprintf("%s started again for %s", e.where(), clock(due, e.Now))
	}
	started := e.Now
	if r.Started != nil { // which may have been heard of only now
		started = e.here(*r.Started)
	}
	return fmt.Sprintf("%s started, %s late", e.where(), span(started.Sub(place(r))))
}

func retractedWords(e *entry, r *crontopus.Run) string {
	return fmt.Sprintf("%s did run for %s: its check-in came late", e.where(), clock(*r.ScheduledFor, e.Now))
}

func recoveredWords(e *entry, r *crontopus.Run) string {
	at := place(r)
	if r.Finished != nil {
		at = *r.Finished
	}
	return fmt.Sprintf("%s succeeded at %s", e.where(), clock(at, e.Now))
}

// lastLines is the end of an output that fits into a message: whole lines, as far as one does.
func lastLines(output []byte, most int) string {
	s := strings.ToValidUTF8(strings.TrimRight(string(output), "\r\n \t"), "\ufffd")
	if len(s) <= most {
		return s
	}
	s = s[len(s)-most:]
	if i := strings.IndexByte(s, '\n'); i >= 0 && i < len(s)-1 {
		return s[i+1:]
	}
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}
