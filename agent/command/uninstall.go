package command

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/usage"
)

func newUninstallCommand(settings *flags) *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take every managed entry off this host",
		Long: `Removes every entry that Crontopus manages from this host's scheduler, and says what
it removed. Everything else in the crontab stays as it is, and runs that are under way go
on. The daemon has to be stopped first: it would put the entries back.`,
		Args: usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := settings.load()
			if err != nil {
				return err
			}
			state := agent.State{Dir: config.StateDir}
			if _, err := os.Stat(state.Dir); err == nil {
				lock, err := state.Lock()
				if err != nil {
					return err
				}
				defer lock.Close()
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			scheduler, err := newScheduler(config, "", nil, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			removed, err := agent.Uninstall(cmd.Context(), state, scheduler)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, job := range removed {
				fmt.Fprintf(out, "removed %s\n", job)
			}
			entries := "entries"
			if len(removed) == 1 {
				entries = "entry"
			}
			fmt.Fprintf(out, "%d %s removed from %s\n", len(removed), entries, scheduler.Name())
			if !purge {
				return nil
			}
			if err := state.Purge(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "deleted the agent's key, identity and records in %s\n", state.Dir)
			return err
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "also delete the agent's key, identity and records")
	return cmd
}
