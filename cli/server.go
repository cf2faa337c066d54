package cli

import (
	"os"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/settings"
	"crontopus.dev/crontopus/internal/usage"
)

func newServerCommand() *cobra.Command {
	options := app.Defaults()
	var logging logs.Options
	var config string
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the server: syncer, publisher and API, with SQLite inside",
		Long: `Run the server: it syncs sources from Git, publishes one signed bundle per host, and
takes check-ins. Everything it keeps is in one data folder, or in a PostgreSQL that any number
of servers share (--database), each with all roles or with some (--roles).

Each flag may also be set in a YAML file (--config; the flag --allow-network is the
key allowNetwork) or in the environment (CRONTOPUS_ALLOW_NETWORK). A flag wins over the
environment, and the environment over the file.`,
		Example: `  crontopus server
  crontopus server --listen :8443 --tls-cert cert.pem --tls-key key.pem --public-url https://cron.example.com:8443
  crontopus server --allow-network 10.0.0.0/8   # the forge has a private address
  crontopus server --database postgres://crontopus@db/crontopus --roles api --drain-delay 10s`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Apply(cmd.Flags(), config, "CRONTOPUS", os.Environ()); err != nil {
				return err
			}
			log, err := logs.New(cmd.ErrOrStderr(), logging)
			if err != nil {
				return err
			}
			server, err := app.New(cmd.Context(), options, usage.Version(), log)
			if err != nil {
				return err
			}
			return server.Run(cmd.Context())
		},
	}
	options.Flags(cmd.Flags())
	logging.Flags(cmd.Flags())
	cmd.Flags().StringVar(&config, "config", "", "YAML `file` of settings")
	return cmd
}

// newFetchChildCommand is how the server starts itself to read one Git repository apart
// from everything else. It is not for people, so it is hidden.
func newFetchChildCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "fetch-child",
		Short:  "Read one repository, asked on standard input by the server",
		Hidden: true,
		Args:   exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.ServeFetch(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
