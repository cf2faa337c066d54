package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newSecretsCommand() *cobra.Command {
	return addServerFlags(newGroup("secrets", "Store what channels refer to as secret:NAME",
		newSecretsSetCommand(), newSecretsListCommand(), newSecretsDeleteCommand()))
}

func newSecretsSetCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Store a secret, read from standard input or a file",
		Long: `Store a secret, read from standard input or a file: a command line could be read by others. A line
break at its end is not part of it. It takes the place of one of that name, and nothing shows it again.`,
		Example: "  crontopus secrets set slack-webhook --from-file webhook.txt",
		Args:    exactArgs("NAME"),
	}
	cmd.Flags().StringVar(&file, "from-file", "", "read it from this `FILE` instead of standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := readSecretFrom(cmd.InOrStdin(), file)
		if err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		if err := api.SetSecret(cmd.Context(), wire.SecretInput{Name: args[0], Value: value}); err != nil {
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "Stored", args[0])
		return nil
	}
	return cmd
}

// mostSecret is more than the server takes.
const mostSecret = 64 << 10

func readSecretFrom(in io.Reader, file string) (string, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", crontopus.Errorf(crontopus.CodeInvalid, "cannot read the secret: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, mostSecret))
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "cannot read the secret: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

func newSecretsListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the secrets by name, never with their values", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		list, err := api.Secrets(cmd.Context())
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(list, func(t *table) {
			t.columns("NAME", "UPDATED", "BY")
			for _, s := range list.Items {
				t.row(s.Name, t.style.time(&s.UpdatedAt), s.UpdatedBy)
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(list.Items), "No secrets.")
	}
	return cmd
}

func newSecretsDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Forget a secret",
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			if err := api.DeleteSecret(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Deleted", args[0])
			return nil
		},
	}
}
