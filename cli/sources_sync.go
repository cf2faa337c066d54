package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

func newSourcesSyncCommand() *cobra.Command {
	var wait syncWait
	cmd := &cobra.Command{
		Use:   "sync NAME",
		Short: "Read a repository now",
		Long: `Read a repository now, rather than at the next webhook or poll. With --wait it tells the
outcome: exit code 0 when the revision is in force, 1 when it was refused or held.`,
		Args: exactArgs("NAME"),
	}
	wait.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return wait.run(cmd, args[0], func(api *client.Client) (string, error) {
			return "Syncing " + args[0], api.SyncSource(cmd.Context(), args[0])
		})
	}
	return cmd
}

// syncWait are the words of commands that make a source sync: whether they wait for its outcome.
type syncWait struct {
	wait    bool
	timeout time.Duration
	output  *formatFlag
}

func (w *syncWait) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait for the outcome of the sync and print it")
	cmd.Flags().DurationVar(&w.timeout, "timeout", 2*time.Minute, "how long to wait")
	w.output = addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
}

// run does what makes the source sync, says what it did, and prints the outcome if that was
// asked for. What is not in force then is errProblems.
func (w *syncWait) run(cmd *cobra.Command, name string, act func(*client.Client) (done string, err error)) error {
	sync, err := w.outcome(cmd, name, act)
	if err != nil || sync == nil {
		return err
	}
	if err := newPrinter(cmd, w.output).print(sync, func(t *table) { describeSync(t, *sync, "") }); err != nil {
		return err
	}
	return judge(cmd, name, sync)
}

// outcome is run without printing the sync. It is nil where nobody waits for it.
func (w *syncWait) outcome(cmd *cobra.Command, name string, act func(*client.Client) (done string, err error)) (*crontopus.Sync, error) {
	if !crontopus.ValidName(name) {
		return nil, noSourceName(name)
	}
	api, err := connect(cmd)
	if err != nil {
		return nil, err
	}
	var before standing
	if w.wait {
		if before, err = standingOf(cmd.Context(), api, name); err != nil {
			return nil, err
		}
	}
	done, err := act(api)
	if err != nil {
		return nil, err
	}
	if !w.wait {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s; crontopus sources get %s tells the outcome\n", done, name)
		return nil, nil
	}
	fmt.Fprintln(cmd.ErrOrStderr(), done, "…")
	return waitForSync(cmd.Context(), api, name, before, w.timeout)
}

// judge says how to let a held sync through, and returns errProblems unless the revision is in force.
func judge(cmd *cobra.Command, name string, sync *crontopus.Sync) error {
	if sync.Plan != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "\nTo let exactly this through:", approveCommand(name, sync.Plan.Digest()))
	}
	if !sync.Applied() {
		return errProblems
	}
	return nil
}
