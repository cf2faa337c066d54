package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// explanation is what schedule explain says.
type explanation struct {
	Expression string            `json:"expression"`
	Timezone   string            `json:"timezone"`
	Words      string            `json:"words"`
	Next       []time.Time       `json:"next"`
	Hazards    []schedule.Hazard `json:"hazards"` // of two years
	Schedulers []nativeForm      `json:"schedulers"`

	reboot bool
	until  time.Time // of the hazards
}

// nativeForm is what a scheduler is told.
type nativeForm struct {
	Scheduler string   `json:"scheduler"`
	Lines     []string `json:"lines"`
	Gated     bool     `json:"gated"` // it starts the job at other times, too, and the job ends at once
}

func newScheduleExplainCommand() *cobra.Command {
	var timezone, hostZone, from, job string
	var count int
	cmd := &cobra.Command{
		Use:   "explain EXPR",
		Short: "Say in words when a cron expression runs, and what each scheduler makes of it",
		Long: `Say in words when a cron expression runs, when next, which runs a change of the clock
touches in the two years to come, and what each scheduler is told on a host.

Where a scheduler cannot say exactly these times it is told some more; what it starts then
ends at once, because the job is not due.`,
		Example: `  crontopus schedule explain '30 2 * * *' --timezone Europe/Berlin
  crontopus schedule explain '0 0 13 * 5' -o json
  crontopus schedule explain 'H H(0-5) L * *' --job production/nightly-backup --host-timezone UTC`,
		Args: oneExpression,
	}
	cmd.Flags().StringVar(&timezone, "timezone", crontopus.DefaultTimezone, "IANA name of the time zone")
	cmd.Flags().StringVar(&hostZone, "host-timezone", "", "time zone of the host whose schedulers are told (default: that of the schedule)")
	cmd.Flags().StringVar(&job, "job", "", "the job whose schedule it is, as NAMESPACE/NAME: it decides about H")
	cmd.Flags().StringVar(&from, "from", "", "explain the runs after this time, in RFC 3339 (default now)")
	cmd.Flags().IntVarP(&count, "count", "n", 5, fmt.Sprintf("how many runs to print, at most %d", maxRuns))
	output := addOutputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := askSchedule(cmd, args, timezone, job, from, count)
		if err != nil {
			return err
		}
		if hostZone == "" {
			hostZone = timezone
		} else if _, err := schedule.Location(hostZone); err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		e := explain(q, args[0], timezone, hostZone)
		if p.format == formatJSON {
			return p.encode(e)
		}
		return e.print(p, hostZone)
	}
	return cmd
}

// scheduleQuestion is what the commands about one expression are asked.
type scheduleQuestion struct {
	set   *schedule.Set
	after time.Time
	count int
}

func askSchedule(cmd *cobra.Command, exprs []string, timezone, job, from string, count int) (q scheduleQuestion, err error) {
	seed, err := seedOf(job)
	if err != nil {
		return q, err
	}
	q = scheduleQuestion{after: time.Now(), count: count}
	if q.set, err = schedule.New(exprs, timezone, seed); err != nil {
		return q, err
	}
	if cmd.Flags().Changed("from") {
		if q.after, err = time.Parse(time.RFC3339, from); err != nil {
			return q, crontopus.Errorf(crontopus.CodeInvalid, "--from %q is not a time", from).
				WithHint("write it in RFC 3339, such as 2026-03-08T00:00:00Z")
		}
	}
	if count < 1 || count > maxRuns {
		return q, crontopus.Errorf(crontopus.CodeInvalid, "-n %d is not a number of runs", count).
			WithHint("write a number from 1 to %d", maxRuns)
	}
	return q, nil
}

// explain answers in full; hazards are those of two years.
func explain(q scheduleQuestion, expr, timezone, hostZone string) explanation {
	e := explanation{
		Expression: expr, Timezone: timezone, Words: q.set.Words(), Next: []time.Time{}, Hazards: []schedule.Hazard{},
		reboot: q.set.Reboot(), until: q.after.AddDate(2, 0, 0),
	}
	for at, ok := q.set.Next(q.after); ok && len(e.Next) < q.count; at, ok = q.set.Next(at) {
		e.Next = append(e.Next, at)
	}
	e.Hazards = append(e.Hazards, q.set.Hazards(q.after, e.until)...)
	add := func(name string, lines []string, gated bool) {
		e.Schedulers = append(e.Schedulers, nativeForm{name, lines, gated})
	}
	lines, gated := q.set.Crontab(hostZone)
	add("crontab", lines, gated)
	lines, gated = q.set.Systemd(q.after)
	add("systemd", lines, gated)
	lines, gated = q.set.TaskScheduler(hostZone, q.after)
	add("taskscheduler", lines, gated)
	lines, gated = q.set.Launchd(hostZone, q.after)
	add("launchd", lines, gated)
	return e
}

// What is told of long lists on a terminal; -o json has all.
const (
	shownHazards = 8
	shownLines   = 12
)

func (e *explanation) print(p *printer, hostZone string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s, in %s\n", strings.Join(strings.Fields(e.Expression), " "), e.Words, e.Timezone)
	if len(e.Next) > 0 {
		b.WriteString("\nNext runs:\n")
		for _, at := range e.Next {
			fmt.Fprintf(&b, "  %s %s\n", at.Format("Mon"), at.Format(time.RFC3339))
		}
	}
	if !e.reboot || len(e.Next) > 0 {
		fmt.Fprintf(&b, "\nWhen the clock changes, until %s:\n", e.until.Format(time.DateOnly))
		for _, h := range e.Hazards[:min(len(e.Hazards), shownHazards)] {
			fmt.Fprintf(&b, "  %s\n", hazardLine(h))
		}
		if len(e.Hazards) == 0 {
			b.WriteString("  no run is touched\n")
		}
		more(&b, "  ", len(e.Hazards)-shownHazards)
	}
	fmt.Fprintf(&b, "\nWhat the schedulers of a host in %s are told:\n", hostZone)
	for _, s := range e.Schedulers {
		fmt.Fprintf(&b, "  %s", s.Scheduler)
		if s.Gated {
			b.WriteString(" (more times than these; the job starts only when it is due)")
		}
		b.WriteByte('\n')
		for _, line := range s.Lines[:min(len(s.Lines), shownLines)] {
			fmt.Fprintf(&b, "    %s\n", line)
		}
		more(&b, "    ", len(s.Lines)-shownLines)
	}
	_, err := fmt.Fprint(p.out, b.String())
	return err
}

func more(b *strings.Builder, indent string, n int) {
	if n > 0 {
		fmt.Fprintf(b, "%s… and %d more (-o json has all)\n", indent, n)
	}
}

// hazardLine says what a change of the clock does to a run.
func hazardLine(h schedule.Hazard) string {
	day, clock, _ := strings.Cut(h.Local, "T")
	what := map[string]string{
		schedule.HazardMoved: "does not exist; the job runs at " + h.At.Format("15:04") + " instead",
		schedule.HazardLost:  "does not exist; the job does not run",
		schedule.HazardOnce:  "comes twice; the job runs the first time only",
		schedule.HazardTwice: "comes twice; the job runs both times",
	}[h.Kind]
	return day + " " + clock + " " + what
}
