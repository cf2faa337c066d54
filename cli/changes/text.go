package changes

import (
	"fmt"
	"strings"

	"crontopus.dev/crontopus/manifests/diff"
)

// signs of the kinds.
var signs = map[diff.Kind]byte{diff.Removed: '-', diff.Changed: '~', diff.Added: '+'}

// colors of the signs, as a terminal is told them.
var colors = map[byte]string{'-': "31", '+': "32", '~': "33", '!': "1;33"}

// text writes the report for a terminal.
func text(r *diff.Report, color bool) string {
	var b strings.Builder
	put := func(indent string, l line) {
		s := indent + l.String()
		if code := colors[l.sign]; color && code != "" {
			s = "\x1b[" + code + "m" + s + "\x1b[0m"
		}
		b.WriteString(s + "\n")
	}
	fmt.Fprintf(&b, "%s → %s: %s\n", visible(r.From), visible(r.To), headline(r))
	if s := reach(r); s != "" {
		b.WriteString(s + "\n")
	}
	if s, holds := guard(r); holds {
		put("", line{'!', s})
	} else if s != "" {
		b.WriteString(s + "\n")
	}
	for _, note := range r.Notes {
		put("", line{'!', visible(note)})
	}
	for _, l := range collided(r) {
		put("", l)
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		b.WriteByte('\n')
		put("", line{signs[c.Kind], c.Job.String() + "  " + stamp(c)})
		for _, l := range ofJob(c) {
			put("    ", l)
		}
	}
	for i := range r.Alerting {
		c := &r.Alerting[i]
		b.WriteByte('\n')
		put("", line{signs[c.Kind], c.What + " " + visible(c.Name.String()) + "  " + alertingStamp(c)})
		for _, l := range ofAlerting(c) {
			put("    ", l)
		}
	}
	for i := range r.Hosts {
		names, about := titleOf(&r.Hosts[i])
		fmt.Fprintf(&b, "\n%s (%s)\n", names, about)
		for _, l := range ofHost(&r.Hosts[i]) {
			put("    ", l)
		}
	}
	return b.String()
}
