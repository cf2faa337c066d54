package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

func newSourcesSyncCommand() *cobra.Command {
	var wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "sync NAME",
		Short: "Read a repository now",
		Long: `Read a repository now, rather than at the next webhook or poll. With --wait it tells the
outcome: exit code 0 when the revision is in force, 1 when it was refused or held.`,
		Args: exactArgs("NAME"),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the outcome and print it")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name := args[0]
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		before, err := newestSync(cmd.Context(), api, name)
		if err != nil {
			return err
		}
		if err := api.SyncSource(cmd.Context(), name); err != nil {
			return err
		}
		if !wait {
			fmt.Fprintf(cmd.ErrOrStderr(), "Syncing %s; crontopus sources get %s tells the outcome\n", name, name)
			return nil
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Syncing %s …\n", name)
		sync, err := waitForSync(cmd.Context(), api, name, before, timeout)
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(sync, func(t *table) { describeSync(t, *sync, "") }); err != nil {
			return err
		}
		if sync.Plan != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "\nTo let exactly this through:", approveCommand(name, sync.Plan.Digest()))
		}
		if !sync.Applied() {
			return errProblems
		}
		return nil
	}
	return cmd
}

// pollInterval is how often the outcome of a sync is asked for.
const pollInterval = 300 * time.Millisecond

// waitForSync returns the first sync that ended after the one before.
func waitForSync(ctx context.Context, api *client.Client, name string, before *crontopus.Sync, timeout time.Duration) (*crontopus.Sync, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		sync, err := newestSync(waiting, api, name)
		switch {
		case errors.Is(err, context.DeadlineExceeded) || waiting.Err() != nil && ctx.Err() == nil:
			return nil, crontopus.Errorf(crontopus.CodeUnavailable, "the sync of %s did not end within %s", name, timeout).
				WithHint("it goes on; crontopus sources get %s tells the outcome", name)
		case err != nil:
			return nil, err
		case sync != nil && sync.Finished != nil && (before == nil || sync.ID != before.ID):
			return sync, nil
		}
		select {
		case <-waiting.Done():
		case <-tick.C:
		}
	}
}
