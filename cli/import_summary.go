package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus/internal/safetext"
	"crontopus.dev/crontopus/manifests/importer"
)

// summary says in a few lines what an import came to, and what is proven of it.
func summary(inputs []importer.Input, result *importer.Result, folder string, written int, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "imported %s from %s", plural(len(result.Jobs), "job"), plural(len(inputs), "file"))
	if folder != "" && folder != "-" {
		fmt.Fprintf(&b, " into %s", safetext.Line(folder))
		if same := len(result.Jobs) - written; same > 0 {
			fmt.Fprintf(&b, "; %s there already", isAre(same))
		}
	}
	fmt.Fprintf(&b, " (%s)\n", took.Round(time.Millisecond))
	switch lost := result.Lost(); lost {
	case 0:
		b.WriteString("everything is kept\n")
	default:
		fmt.Fprintf(&b, "%s could not be kept: see above\n", plural(lost, "thing"))
	}
	b.WriteString(proven(result.Jobs))
	return b.String()
}

// proven sums up the proofs.
func proven(jobs []importer.Job) string {
	var with, runs, changes, unproven, reboot, without int
	var zones []string
	for _, job := range jobs {
		switch p := job.Proof; {
		case p == nil:
			without++
		case p.Runs == 0 && p.Reboot:
			reboot++
		default:
			with, runs, changes, unproven = with+1, runs+p.Runs, changes+p.ClockChanges, unproven+p.Unproven
			zones = append(zones, p.Zones...)
		}
	}
	var b strings.Builder
	if with > 0 {
		slices.Sort(zones)
		zones = slices.Compact(zones)
		fmt.Fprintf(&b, "proven: %s, the next %d runs of each at most, %d together, are the same instants as the original's (%s)",
			plural(with, "job"), importer.Runs, runs, strings.Join(zones, ", "))
		if changes > 0 {
			fmt.Fprintf(&b, ", and so are all runs around %s of the clock", plural(changes, "change"))
		}
		b.WriteByte('\n')
		if unproven > 0 {
			fmt.Fprintf(&b, "not compared: the days around %s of the clock, which the original's scheduler may treat otherwise\n", plural(unproven, "change"))
		}
	}
	if reboot > 0 {
		fmt.Fprintf(&b, "at the start of the host: %s, with no times that could be compared\n", plural(reboot, "job"))
	}
	if without > 0 {
		fmt.Fprintf(&b, "not proven: %s whose original has no times of its own\n", plural(without, "job"))
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func isAre(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}
