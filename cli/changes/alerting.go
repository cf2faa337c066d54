package changes

import (
	"fmt"
	"strings"

	"crontopus.dev/crontopus/manifests/diff"
)

// ofAlerting tells a change of a policy, a channel or a window field by field; of one that
// comes or goes, what it says beside its name.
func ofAlerting(c *diff.AlertingChange) (lines []line) {
	for _, f := range c.Fields {
		if c.Kind == diff.Changed || strings.HasPrefix(f.Path, "/spec/") {
			lines = append(lines, ofField(f)...)
		}
	}
	return lines
}

func alertingStamp(c *diff.AlertingChange) string {
	return fmt.Sprintf("%s:%d", visible(c.File), c.Line)
}

func alertingSection(c *diff.AlertingChange) string {
	return fmt.Sprintf("\n#### %s %s\n\n%s\n\n%s", sentence(string(c.Kind)), code(c.What+" "+visible(c.Name.String())), code(alertingStamp(c)), block(ofAlerting(c)))
}

// alertingTally counts what of alerting comes, changes and goes, "" for nothing.
func alertingTally(r *diff.Report) string {
	n := map[diff.Kind]int{}
	for i := range r.Alerting {
		n[r.Alerting[i].Kind]++
	}
	return tally("", n[diff.Removed], n[diff.Changed], n[diff.Added])
}
