package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newAPIKeysCommand() *cobra.Command {
	return addServerFlags(newGroup("api-keys", "Make and revoke API keys",
		newAPIKeysCreateCommand(), newAPIKeysListCommand(), newAPIKeysRevokeCommand()))
}

func newAPIKeysCreateCommand() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, once",
		Long: `Make an API key and print it, once. A viewer reads; an operator also syncs, approves,
enrolls hosts and sees to incidents; an admin also adds sources, secrets and keys.`,
		Example: "  crontopus api-keys create ci --role viewer",
		Args:    exactArgs("NAME"),
	}
	cmd.Flags().StringVar(&role, "role", string(crontopus.RoleViewer), "viewer, operator or admin")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := wire.KeyInput{Name: args[0], Role: crontopus.Role(role)}
		if !in.Role.Valid() {
			return crontopus.Errorf(crontopus.CodeInvalid, "--role %q is not a role", role).WithHint("write viewer, operator or admin")
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		made, err := api.CreateAPIKey(cmd.Context(), in)
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if p.format != formatTable {
			return p.encode(made)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "The key %s (%s), shown this once:\n", made.Key.Name, made.Key.Role)
		_, err = fmt.Fprintln(p.out, made.Secret)
		return err
	}
	return cmd
}

func newAPIKeysListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the API keys, without their secrets", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		keys, err := everyPage(cmd.Context(), api.APIKeys)
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(keys, func(t *table) {
			t.columns("ID", "NAME", "ROLE", "CREATED", "REVOKED")
			for _, k := range keys.Items {
				t.row(k.ID, k.Name, string(k.Role), t.style.time(&k.CreatedAt), t.style.time(k.RevokedAt))
			}
		})
	}
	return cmd
}

func newAPIKeysRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End an API key at once",
		Args:  exactArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			if err := api.RevokeAPIKey(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Revoked", args[0])
			return nil
		},
	}
}
