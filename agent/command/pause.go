package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/usage"
)

func newPauseCommand(settings *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "pause",
		Short: "Start no jobs on this host, from now on",
		Long: `Stops jobs from starting on this host, at once and without the server. Jobs that run
already go on. What is due meanwhile is not made up for, but for jobs that ask for it.`,
		Args: usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return settings.withState(func(s agent.State) error {
				if err := s.Pause(); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "paused: no job starts on this host until `crontopus-agent resume`")
				return err
			})
		},
	}
}

func newResumeCommand(settings *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "resume",
		Short: "Let jobs start on this host again",
		Args:  usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return settings.withState(func(s agent.State) error {
				if err := s.Resume(); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "resumed: jobs start again when they are due")
				return err
			})
		},
	}
}

// withState calls do with the state folder that the settings name, on an enrolled host.
func (f *flags) withState(do func(agent.State) error) error {
	config, err := f.load()
	if err != nil {
		return err
	}
	state := agent.State{Dir: config.StateDir}
	if _, err := state.Identity(); err != nil {
		return err
	}
	return do(state)
}
