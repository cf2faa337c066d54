package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

func newScheduleCommand() *cobra.Command {
	return newGroup("schedule", "Ask when a schedule runs", newScheduleNextCommand(), newScheduleExplainCommand(), newScheduleLintCommand())
}

// maxRuns is how many runs schedule next tells at most.
const maxRuns = 10_000

func newScheduleNextCommand() *cobra.Command {
	var timezone, from, job string
	var count int
	cmd := &cobra.Command{
		Use:   "next EXPR",
		Short: "Print the next runs of a cron expression",
		Long: `Print the next runs of a cron expression, as every scheduler that Crontopus writes
to will have them: around daylight saving too.`,
		Example: `  crontopus schedule next '30 2 * * *' --timezone Europe/Berlin
  crontopus schedule next 'H H(0-5) * * *' --job production/nightly-backup
  crontopus schedule next @hourly -n 3 --from 2026-10-25T00:00:00Z -o json`,
		Args: oneExpression,
	}
	cmd.Flags().StringVar(&timezone, "timezone", crontopus.DefaultTimezone, "IANA name of the time zone")
	cmd.Flags().StringVar(&job, "job", "", "the job whose schedule it is, as NAMESPACE/NAME: it decides about H")
	cmd.Flags().StringVar(&from, "from", "", "print the runs after this time, in RFC 3339 (default now)")
	cmd.Flags().IntVarP(&count, "count", "n", 5, fmt.Sprintf("how many runs to print, at most %d", maxRuns))
	output := addOutputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q, err := askSchedule(cmd, args, timezone, job, from, count)
		if err != nil {
			return err
		}
		return printRuns(newPrinter(cmd, output), q.set, q.after, q.count)
	}
	return cmd
}

// seedOf returns what decides about H: the job's name, "" for no job.
func seedOf(job string) (string, error) {
	if job == "" {
		return "", nil
	}
	name, err := crontopus.ParseJobName(job)
	return name.String(), err
}

// oneExpression refuses an expression that the shell has cut into words.
func oneExpression(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return crontopus.Errorf(crontopus.CodeInvalid, "the expression came in %d parts", len(args)).
			WithHint("put it in quotes, so that the shell leaves it whole: %s '30 2 * * *'", cmd.CommandPath())
	}
	return exactArgs("EXPR")(cmd, args)
}

// printRuns prints the next runs, one a line or as a JSON array.
func printRuns(p *printer, set *schedule.Set, after time.Time, count int) error {
	runs := []string{}
	for t, ok := set.Next(after); ok && len(runs) < count; t, ok = set.Next(t) {
		runs = append(runs, t.Format(time.RFC3339))
	}
	if p.format == formatJSON {
		return p.encode(runs)
	}
	if set.Reboot() {
		runs = append(runs, "@reboot runs when the host starts, at no set time")
	}
	for _, run := range runs {
		if _, err := fmt.Fprintln(p.out, run); err != nil {
			return err
		}
	}
	return nil
}
