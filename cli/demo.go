package cli

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app/demo"
)

func newDemoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play the main job in a scratch folder: server, two hosts, Git pushes, runs",
		Long: `Play the main job of Crontopus on this machine, touching nothing but a scratch folder: a
server and two agents as processes of their own, a Git repository with a signed webhook,
a push that changes a job and its run a minute later, a push with a mistake, and one that
removes every job. It then stays up to be looked at until Ctrl-C, which leaves nothing
behind. It needs git, and crontopus-agent beside crontopus.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Out = cmd.OutOrStdout()
			if o.Crontopus, err = os.Executable(); err != nil {
				return err
			}
			if o.Agent == "" {
				o.Agent = filepath.Join(filepath.Dir(o.Crontopus), "crontopus-agent")
			}
			if _, err := os.Stat(o.Agent); err != nil {
				return crontopus.Errorf(crontopus.CodeInvalid, "no agent program: %w", err).
					WithHint("build both programs with make build, or name it with --agent PATH")
			}
			// A terminal that closes and a reader that goes away end it as Ctrl-C does.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
			defer stop()
			if err := demo.Run(ctx, o); err != nil {
				return &exitError{code: exitProblems, err: err}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.Once, "once", false, "end when the story is told: exit 0 after \"demo: ok\", 1 when something did not come within 150 s")
	cmd.Flags().StringVar(&o.Agent, "agent", "", "`path` of crontopus-agent (default: beside crontopus)")
	return cmd
}

// newDemoWebhookCommand is the post-receive hook of the demo's repository.
func newDemoWebhookCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "demo-webhook",
		Short:  "Send the webhook of the demo's repository",
		Hidden: true,
		Args:   exactArgs(),
		RunE:   func(cmd *cobra.Command, _ []string) error { return demo.SendWebhook(cmd.Context(), cmd.InOrStdin()) },
	}
}
