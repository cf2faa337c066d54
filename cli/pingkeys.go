package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newJobsRotatePingCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-ping NAMESPACE/NAME",
		Short: "Give a job another ping URL and print it",
		Long: `Give a job another ping URL and print it. The one before is good for nothing from now on. A job
that has agents gets its first one by this, if something else is to ping for it as well.`,
		Example: "  crontopus jobs rotate-ping production/offsite-backup",
		Args:    exactArgs("NAMESPACE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := crontopus.ParseJobName(args[0])
			if err != nil {
				return err
			}
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			made, err := api.RotatePing(cmd.Context(), name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), made.URL)
			return err
		},
	}
}

func newPingKeysCommand() *cobra.Command {
	return addServerFlags(newGroup("pingkeys", "Make and revoke ping keys, which check in for the jobs of a namespace",
		newPingKeysCreateCommand(), newPingKeysListCommand(), newPingKeysRevokeCommand()))
}

func newPingKeysCreateCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a ping key and print it, once",
		Long: `Make a ping key and print it, once. Who has it may check in for the jobs of its namespace, by
their names: curl SERVER/ping/KEY/NAME. It is good for nothing else. Its ID is printed beside it:
keep both, since it is the ID that ends a key which others have seen.`,
		Example: "  crontopus pingkeys create --namespace production",
		Args:    exactArgs(),
	}
	cmd.Flags().StringVar(&namespace, "namespace", crontopus.DefaultNamespace, "of the jobs that it checks in for")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		made, err := api.CreatePingKey(cmd.Context(), wire.PingKeyInput{Namespace: namespace})
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if p.format != formatTable {
			return p.encode(made)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "A ping key for the namespace %s, shown this once. Jobs check in at %s/NAME.\n"+
			"To end it: crontopus pingkeys revoke %s\n", made.Key.Namespace, made.URL, made.Key.ID)
		_, err = fmt.Fprintln(p.out, made.Secret)
		return err
	}
	return cmd
}

func newPingKeysListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the ping keys, without their secrets", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		keys, err := everyPage(cmd.Context(), api.PingKeys)
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(keys, func(t *table) {
			t.columns("ID", "NAMESPACE", "CREATED", "REVOKED")
			for _, k := range keys.Items {
				t.row(k.ID, k.Namespace, t.style.time(&k.CreatedAt), t.style.time(k.RevokedAt))
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(keys.Items), "No ping keys.")
	}
	return cmd
}

func newPingKeysRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End a ping key at once",
		Args:  exactArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			if err := api.RevokePingKey(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Revoked", args[0])
			return nil
		},
	}
}
