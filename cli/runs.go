package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newRunsCommand() *cobra.Command {
	return addServerFlags(newGroup("runs", "See what ran, and what came of it", newRunsListCommand(), newRunsGetCommand(), newRunsTailCommand()))
}

// runsQuery is what the flags of runs list say.
type runsQuery struct {
	job, namespace, agent, state, since, until, after string
	limit                                             int
}

func newRunsListCommand() *cobra.Command {
	var q runsQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Example: `  crontopus runs list --state failed --since 24h
  crontopus runs list --job production/nightly-backup --agent db-01`,
		Args: exactArgs(),
	}
	q.addFilter(cmd)
	flags := cmd.Flags()
	flags.StringVar(&q.since, "since", "", "only newer: a duration such as 24h, or a time in RFC 3339")
	flags.StringVar(&q.until, "until", "", "only older: a duration ago or a time, as for --since")
	flags.StringVar(&q.after, "after", "", "go on after this cursor, which the list before printed")
	flags.IntVar(&q.limit, "limit", 50, fmt.Sprintf("how many, at most %d", crontopus.MaxPageLimit))
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, page, err := q.parse(time.Now())
		if err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		runs, err := api.Runs(cmd.Context(), filter, page)
		if err == nil && len(runs.Items) == 0 {
			err = emptyFor(cmd.Context(), api, filter.Job, filter.Agent)
		}
		if err != nil {
			return err
		}
		return printRunList(cmd, newPrinter(cmd, output), runs)
	}
	return cmd
}

// addFilter adds the flags that say which runs are meant, whenever they were.
func (q *runsQuery) addFilter(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&q.job, "job", "", "only of this job, NAMESPACE/NAME")
	flags.StringVar(&q.namespace, "namespace", "", "only of this namespace's jobs")
	flags.StringVar(&q.agent, "agent", "", "only on this agent")
	flags.StringVar(&q.state, "state", "", "only in this state: "+strings.Join(runStates(), ", "))
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "status" { // what people type
			name = "state"
		}
		return pflag.NormalizedName(name)
	})
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(runStates(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
}

// parse turns words into what the API takes.
func (q runsQuery) parse(now time.Time) (filter crontopus.RunFilter, page crontopus.Page, err error) {
	if q.job != "" {
		name, err := crontopus.ParseJobName(q.job)
		if err != nil {
			return filter, page, err
		}
		filter.Job = &name
	}
	if q.limit < 1 || q.limit > crontopus.MaxPageLimit {
		return filter, page, crontopus.Errorf(crontopus.CodeInvalid, "--limit %d is not a number of runs", q.limit).
			WithHint("write a number from 1 to %d", crontopus.MaxPageLimit)
	}
	if filter.State, err = parseState(q.state); err != nil {
		return filter, page, err
	}
	filter.Agent, filter.Namespace = q.agent, q.namespace
	if filter.Until, err = timeFlag("until", q.until, now); err != nil {
		return filter, page, err
	}
	filter.Since, err = timeFlag("since", q.since, now)
	return filter, crontopus.Page{After: q.after, Limit: q.limit}, err
}

func runStates() []string {
	return []string{
		string(crontopus.RunRunning), string(crontopus.RunSucceeded), string(crontopus.RunFailed), string(crontopus.RunTimedOut),
		string(crontopus.RunMissed), string(crontopus.RunSkipped), string(crontopus.RunUnknown),
	}
}

// parseState takes a state in any case.
func parseState(s string) (crontopus.RunState, error) {
	if s == "" {
		return "", nil
	}
	for _, state := range runStates() {
		if strings.EqualFold(s, state) {
			return crontopus.RunState(state), nil
		}
	}
	return "", crontopus.Errorf(crontopus.CodeInvalid, "--state %q is not the state of a run", s).
		WithHint("write one of %s", strings.Join(runStates(), ", "))
}

func printRunList(cmd *cobra.Command, p *printer, runs wire.List[crontopus.Run]) error {
	if err := p.print(runs, func(t *table) {
		t.columns("ID", "JOB", "AGENT", "STATE", "DUE", "STARTED", "TOOK", "EXIT")
		for _, r := range runs.Items {
			t.row(r.ID, r.Job.String(), orDash(r.Agent), string(r.State), t.style.time(r.ScheduledFor), started(t.style, r), took(r), exitCode(r))
		}
	}); err != nil {
		return err
	}
	if runs.Next != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "There are more: add --after %s\n", runs.Next)
	}
	return sayIfEmpty(cmd, len(runs.Items), "No runs.")
}

// started is when a run began, or all that is known of that: a ping often tells its end alone.
func started(s style, r crontopus.Run) string {
	if r.Started == nil && r.Finished != nil {
		return "ended " + s.time(r.Finished)
	}
	return s.time(r.Started)
}

func newRunsGetCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "get ID", Short: "Show one run and its output", Args: exactArgs("ID")}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		run, err := api.Run(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if err := p.print(run, func(t *table) { describeRun(t, run) }); err != nil || p.format != formatTable {
			return err
		}
		return printOutput(p, run.Output)
	}
	return cmd
}

func describeRun(t *table, r crontopus.Run) {
	t.row("Run:", r.ID)
	t.row("Job:", r.Job.String())
	t.row("Agent:", orDash(r.Agent))
	t.row("State:", string(r.State))
	if r.Message != "" {
		t.row("Why:", r.Message)
	}
	if r.Reason != "" {
		t.row("Reason:", r.Reason)
	}
	t.row("Due:", t.style.time(r.ScheduledFor))
	t.row("Started:", t.style.time(r.Started))
	t.row("Finished:", t.style.time(r.Finished))
	t.row("Took:", took(r))
	t.row("Exit code:", exitCode(r))
	if r.Attempt > 1 {
		t.row("Attempt:", fmt.Sprint(r.Attempt))
	}
	t.row("Revision:", shortRevision(r.Revision))
}

// printOutput shows what the job printed: byte for byte for a tool, without what would
// steer it on a terminal.
func printOutput(p *printer, output []byte) error {
	if len(output) == 0 {
		_, err := io.WriteString(p.out, "\nNo output.\n")
		return err
	}
	text := string(output)
	if p.style.terminal {
		text = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\t' {
				return r
			}
			return printable(r)
		}, text)
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err := io.WriteString(p.out, "\nOutput:\n"+text)
	return err
}

// took tells a run's duration to a precision that a person reads.
func took(r crontopus.Run) string {
	if r.Started == nil || r.Finished == nil {
		return "-"
	}
	d := r.Duration.Std()
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func exitCode(r crontopus.Run) string {
	if r.ExitCode == nil {
		return "-"
	}
	return fmt.Sprint(*r.ExitCode)
}
