package command

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/usage"
)

// sleeperGC keeps the memory of a daemon that runs no jobs itself small: it sleeps, and has all
// the time for it.
const sleeperGC = 25

func newRunCommand(settings *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Keep this host as its bundle says, until stopped",
		Long: `Pulls this host's bundle, keeps the scheduler's entries as it says, repairs what
another hand changed, reports, and delivers check-ins that runs could not. With the
builtin scheduler it also runs the jobs.

SIGHUP makes it look for drift at once.`,
		Args: usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := settings.load()
			if err != nil {
				return err
			}
			log, err := logs.New(cmd.ErrOrStderr(), config.Log)
			if err != nil {
				return err
			}
			h, err := openHost(config, log)
			if err != nil {
				return err
			}
			if err := h.state.Create(); err != nil {
				return err
			}
			entryConfig, err := settings.entryConfig(config)
			if err != nil {
				return err
			}
			server, err := h.connect()
			if err != nil {
				return err
			}
			daemon, err := h.daemon(server, entryConfig, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if config.SchedulerName() != agent.SchedulerBuiltin {
				debug.SetGCPercent(sleeperGC)
			}
			log.InfoContext(cmd.Context(), "agent started", "name", h.id.Name, "server", server.Server(),
				"scheduler", config.SchedulerName(), "state", config.StateDir, "version", usage.Version())
			stop := onHangup(cmd.Context(), daemon.Wake)
			defer stop()
			deafen, err := h.state.OnBell(daemon.Deliver)
			if err != nil {
				return err
			}
			defer deafen()
			forget, err := h.state.OnLoss(daemon.Lost)
			if err != nil {
				return err
			}
			defer forget()
			return daemon.Run(cmd.Context())
		},
	}
}

// onHangup calls wake for each SIGHUP until stop is called.
func onHangup(ctx context.Context, wake func()) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				wake()
			}
		}
	}()
	return func() {
		signal.Stop(hangup)
		cancel()
		<-done
	}
}
