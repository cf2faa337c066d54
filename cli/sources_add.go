package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// sourceFlags are the words of sources add that need work before they can be sent.
type sourceFlags struct {
	interval string
	secrets  secretFlags
}

func newSourcesAddCommand() *cobra.Command {
	var in wire.SourceInput
	var f sourceFlags
	var limits limitFlags
	cmd := &cobra.Command{
		Use:   "add NAME --url URL",
		Short: "Connect a Git repository",
		Long: `Connect a Git repository, and print the address and the secret of its webhook. The
password or token of a private repository is read from a file (- is standard input) or
from $` + envSourcePassword + `, so that it stays out of the shell's history. A repository
that is fetched by ssh needs a deploy key without passphrase, and the lines that ssh-keyscan
prints of its server, once you have compared them with what the server's operator publishes.`,
		Example: `  crontopus sources add ops --url https://forge.example.com/ops/cron.git --path jobs
  crontopus sources add ops --url https://forge.example.com/ops/cron.git --username bot --password-file token
  crontopus sources add shop --url https://forge.example.com/shop/cron.git --namespace 'shop-*' --label team=shop --user shop
  crontopus sources add ops --url git@forge.example.com:ops/cron.git --ssh-key-file deploy_key --known-hosts-file forge_hosts`,
		Args: exactArgs("NAME"),
	}
	flags := cmd.Flags()
	flags.StringVar(&in.URL, "url", "", "address to clone from: https://…, ssh://user@host/path or user@host:path")
	flags.StringVar(&in.Branch, "branch", "main", "branch to follow")
	flags.StringVar(&in.Path, "path", "", "folder that holds the manifests (default: the whole repository)")
	flags.StringVar(&f.interval, "interval", "60s", "how often to look for news; a webhook makes it instant")
	f.secrets.add(flags, " (default: one is made)")
	limits.add(flags)
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in.Name = args[0]
		if err := f.fill(&in, cmd.InOrStdin()); err != nil {
			return err
		}
		var err error
		if in.Limits, err = limits.read(); err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		added, err := api.AddSource(cmd.Context(), in)
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(added, func(t *table) {
			t.row("Source:", added.Source.Name)
			t.row("Webhook URL:", added.WebhookURL)
			t.row("Webhook secret:", added.WebhookSecret)
		}); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), `
So that a push takes effect at once, add the webhook to the repository. In Forgejo:
Settings > Webhooks > Add webhook > Forgejo; enter URL and secret as above, method POST,
content type application/json, and let it send push events. Without it the repository is
read every %s. The secret is not shown again. See how it goes with:

  crontopus sources get %s
`, added.Source.Interval, added.Source.Name)
		return nil
	}
	return cmd
}

// fill turns words into what the API takes.
func (f sourceFlags) fill(in *wire.SourceInput, stdin io.Reader) (err error) {
	if !crontopus.ValidName(in.Name) {
		return crontopus.Errorf(crontopus.CodeInvalid, "%q cannot name a source", in.Name).
			WithHint("use lower-case letters, digits and hyphens, at most 63, such as ops-jobs")
	}
	if in.URL == "" {
		return crontopus.Errorf(crontopus.CodeInvalid, "--url is missing").
			WithHint("write crontopus sources add %s --url https://forge.example.com/ops/cron.git", in.Name)
	}
	if in.Interval, err = crontopus.ParseDuration(f.interval); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "--interval: %w", err)
	}
	secrets, err := f.secrets.read(stdin)
	if err != nil {
		return err
	}
	in.Username, in.Password, in.WebhookSecret = secrets.Username, secrets.Password, secrets.WebhookSecret
	in.SSHKey, in.KnownHosts = secrets.SSHKey, secrets.KnownHosts
	return secrets.CheckFor(in.URL)
}
