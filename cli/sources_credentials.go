package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

// credentialsView is what the change of credentials answered, and the sync that tried them.
type credentialsView struct {
	wire.SourceCredentialsChanged
	Sync *crontopus.Sync `json:"sync,omitempty"`
}

func newSourcesCredentialsCommand() *cobra.Command {
	var secrets secretFlags
	var makeSecret bool
	var wait syncWait
	cmd := &cobra.Command{
		Use:   "credentials NAME",
		Short: "Change the credentials of a source",
		Long: `Change the credentials of a source: a token that has expired, a deploy key that was rotated,
the secret of its webhook. What is not named stays as it is. The source keeps its jobs, and is
synced at once with the new credentials. A password is read from a file (- is standard input) or from
$` + envSourcePassword + `, so that it stays out of the shell's history.

If the server's key that seals credentials was lost, the old ones cannot be read any more: then
what you name is all that the source has, and a new secret of its webhook is printed.`,
		Example: `  crontopus sources credentials ops --password-file token --wait
  crontopus sources credentials ops --ssh-key-file deploy_key
  crontopus sources credentials ops --new-webhook-secret`,
		Args: exactArgs("NAME"),
	}
	secrets.add(cmd.Flags(), "")
	cmd.Flags().BoolVar(&makeSecret, "new-webhook-secret", false, "let the server make a new secret of the webhook, and print it")
	wait.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name := args[0]
		named, err := secrets.read(cmd.InOrStdin())
		if err != nil {
			return err
		}
		if err := checkChange(name, named, makeSecret); err != nil {
			return err
		}
		var changed *wire.SourceCredentialsChanged
		sync, err := wait.outcome(cmd, name, func(api *client.Client) (string, error) {
			answer, err := api.ChangeSourceCredentials(cmd.Context(), name, wire.SourceCredentials{
				Username: named.Username, Password: named.Password, SSHKey: named.SSHKey, KnownHosts: named.KnownHosts,
				WebhookSecret: named.WebhookSecret, NewWebhookSecret: makeSecret,
			})
			if err == nil {
				changed = &answer
			}
			return "Changed the credentials of " + name, err
		})
		if changed == nil {
			return err
		}
		// Also where the sync was waited for in vain: the secret is shown once.
		err = errors.Join(printChanged(cmd, wait.output, name, credentialsView{*changed, sync}), err)
		if err != nil || sync == nil {
			return err
		}
		return judge(cmd, name, sync)
	}
	return cmd
}

// checkChange says what is missing before a server is asked.
func checkChange(name string, named crontopus.SourceSecrets, makeSecret bool) error {
	switch {
	case makeSecret && named.WebhookSecret != "":
		return crontopus.Errorf(crontopus.CodeInvalid, "--webhook-secret-file and --new-webhook-secret exclude each other").
			WithHint("leave one of them out")
	case !makeSecret && len(named.Names()) == 0:
		return crontopus.Errorf(crontopus.CodeInvalid, "nothing says which credential is to change").
			WithHint("write crontopus sources credentials %s --password-file F, --ssh-key-file F, or another of its flags", name)
	}
	return nil
}

func printChanged(cmd *cobra.Command, output *formatFlag, name string, view credentialsView) error {
	if view.Replaced {
		fmt.Fprintf(cmd.ErrOrStderr(), "The old credentials of %s cannot be read any more: it has only what was named now.\n", name)
	}
	if view.WebhookSecret != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "Enter the new secret in the repository's webhook. It is not shown again.")
	}
	return newPrinter(cmd, output).print(view, func(t *table) {
		if view.WebhookSecret != "" {
			t.row("Webhook URL:", view.WebhookURL)
			t.row("Webhook secret:", view.WebhookSecret)
		}
		if view.Sync != nil {
			describeSync(t, *view.Sync, "")
		}
	})
}
