package command

import (
	"context"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/usage"
)

func newExecCommand(settings *flags) *cobra.Command {
	var byHand bool
	cmd := &cobra.Command{
		Use:   "exec NAMESPACE/NAME",
		Short: "Run one job, as the scheduler does",
		Long: `Runs one job of this host's bundle if it is due, and exits with the job's own exit
code; a job that is not due, or whose last run still goes on, exits with 0. This is
what the scheduler's entries start. It needs neither the daemon nor the network.`,
		Args: usage.ExactArgs("NAMESPACE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := crontopus.ParseJobName(args[0])
			if err != nil {
				return err
			}
			go agent.WarmUp()
			config, err := settings.load()
			if err != nil {
				return err
			}
			// Cron mails what a run prints, so there is nothing but what somebody should look at.
			log, err := logs.New(cmd.ErrOrStderr(), logs.Options{Format: config.Log.Format, Level: logs.LevelWarn})
			if err != nil {
				return err
			}
			h, err := openHost(config, log)
			if err != nil {
				return err
			}
			// The daemon has a connection, and takes the check-ins of many runs together. Without one, who
			// does not answer is no news for cron's mail: the daemon delivers later, and says so.
			deliver := func(ctx context.Context) {
				if h.state.Ring() {
					return
				}
				server, err := h.connect()
				if err == nil {
					err = h.spool.Deliver(ctx, server.CheckIns)
				}
				if err != nil {
					log.DebugContext(ctx, "check-ins stay in the spool", "error", err)
				}
			}
			code, err := h.runner(cmd.OutOrStdout(), cmd.ErrOrStderr(), deliver).Exec(cmd.Context(), name, byHand)
			if err == nil && code != 0 {
				return exitCode(code)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&byHand, "now", false, "run now, whether it is due or not")
	return cmd
}
