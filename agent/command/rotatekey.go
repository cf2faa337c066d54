package command

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/usage"
)

func newRotateKeyCommand(settings *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-key",
		Short: "Give this host another key to prove itself with",
		Long: `Makes another key on this host and tells the server, by a request that both keys sign. The
daemon may run meanwhile: it takes the new key over. If this breaks off, run it again;
the daemon goes on with it, too.`,
		Args: usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := settings.load()
			if err != nil {
				return err
			}
			h, err := openHost(config, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			server, err := h.connect()
			if err != nil {
				return err
			}
			if err := agent.RotateKey(cmd.Context(), h.state, server); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the agent %s has a new key\n", h.id.Name)
			return err
		},
	}
}
