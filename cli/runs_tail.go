package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
)

func newRunsTailCommand() *cobra.Command {
	q := runsQuery{limit: 1}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow runs as they begin and end, until interrupted",
		Long: `Follow runs as they begin and end: a line for each change, until interrupted, which is no failure. When the
server restarts or the network breaks it goes on where it was, and may show again what it has shown.`,
		Example: `  crontopus runs tail --namespace production
  crontopus runs tail --state failed --since 1h
  crontopus runs tail -o json | jq .job`,
		Args: exactArgs(),
	}
	q.addFilter(cmd)
	cmd.Flags().StringVar(&q.since, "since", "", "begin with what changed since: a duration such as 10m, or a time in RFC 3339")
	output := addOutputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, _, err := q.parse(time.Now())
		if err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		err = api.TailRuns(cmd.Context(), filter, func(r crontopus.Run) error { return p.runLine(r) })
		if cmd.Context().Err() != nil {
			return nil // as it was meant to end
		}
		return err
	}
	return cmd
}

// runLine prints a run as it is now, on a line.
func (p *printer) runLine(r crontopus.Run) error {
	if p.format == formatJSON {
		return json.NewEncoder(p.out).Encode(r)
	}
	at := cmp.Or(r.Finished, r.Started, r.ScheduledFor, &time.Time{})
	line := fmt.Sprintf("%s  %-9s  %s", at.Format(time.RFC3339), r.State, r.Job)
	if r.Agent != "" {
		line += " on " + r.Agent
	}
	if r.Finished != nil && r.Started != nil {
		line += ", took " + took(r)
	}
	if r.ExitCode != nil && *r.ExitCode != 0 {
		line += ", exit " + exitCode(r)
	}
	if r.Message != "" {
		line += ": " + r.Message
	}
	_, err := fmt.Fprintln(p.out, strings.Map(printable, line))
	return err
}
