package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
)

func newKeysCommand() *cobra.Command {
	return newGroup("keys", "Change the keys that sign bundles, and the one that seals credentials",
		newKeysListCommand(), newKeysRotateCommand(), newKeysDropCommand(), newKeysRecoverCommand(), newKeysRekeyCommand())
}

// newKeysChange makes a command that prints the key set which change returns.
func newKeysChange(cmd *cobra.Command, change func(ctx context.Context, o app.Options, args []string, log *slog.Logger) (crontopus.KeySet, error)) *cobra.Command {
	options := app.Defaults()
	addDatabaseFlags(cmd, &options)
	cmd.Flags().StringVar(&options.SigningKey, "signing-key", "", "private key that signs bundles, a PEM `file` (default DATA/keys/signing.pem)")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		set, err := change(cmd.Context(), options, args, log)
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(set, func(t *table) { describeKeySet(t, set) })
	}
	return cmd
}

func describeKeySet(t *table, set crontopus.KeySet) {
	t.row("Key set:", set.Version.String()+" of installation "+set.Installation)
	t.row("Issued:", t.style.time(&set.Issued))
	for i, k := range set.Keys {
		use := "verifies"
		if i == 0 {
			use = "signs"
		}
		t.row("Key:", k.ID+" "+use)
	}
	t.row("Recovery key:", set.RecoveryKey.ID)
}

func newKeysListCommand() *cobra.Command {
	return newKeysChange(&cobra.Command{
		Use:   "list",
		Short: "Show the keys that agents are told to trust",
		Args:  exactArgs(),
	}, func(_ context.Context, o app.Options, _ []string, _ *slog.Logger) (crontopus.KeySet, error) {
		return app.KeySet(o)
	})
}

func newKeysRotateCommand() *cobra.Command {
	return newKeysChange(&cobra.Command{
		Use:   "rotate",
		Short: "Make a new signing key, introduced to agents by the old one",
		Long: `Make a new signing key while the server is stopped. The old key signs a statement that names
the new one, and is then overwritten: it never signs again. When the server starts, it signs
every bundle afresh, and agents take the new key over on the statement's word. The old key
still verifies, so that no host loses a bundle, until crontopus keys drop. Enrolment
tokens printed before go on working.`,
		Args: exactArgs(),
	}, func(ctx context.Context, o app.Options, _ []string, log *slog.Logger) (crontopus.KeySet, error) {
		return app.RotateKey(ctx, o, time.Now(), log)
	})
}

func newKeysDropCommand() *cobra.Command {
	return newKeysChange(&cobra.Command{
		Use:   "drop ID",
		Short: "End the trust in a key that was rotated away",
		Long: `End the trust in a key that was rotated away, while the server is stopped. ID is the
beginning of its fingerprint. An agent that was away meanwhile still comes to the keys of
today by the statements since.`,
		Args: exactArgs("ID"),
	}, func(ctx context.Context, o app.Options, args []string, log *slog.Logger) (crontopus.KeySet, error) {
		return app.DropKey(ctx, o, args[0], time.Now(), log)
	})
}

func newKeysRecoverCommand() *cobra.Command {
	var file string
	cmd := newKeysChange(&cobra.Command{
		Use:   "recover",
		Short: "Replace all keys, on the word of the recovery key: the signing key is lost or stolen",
		Long: `Replace the whole key set by a new signing key, on the word of the recovery key, while the
server is stopped. Agents accept nothing from the old keys any more, whatever those have
signed; the jobs that they hold run on until the next bundle comes. Needs the database, and of
the old keys nothing. Take the recovery key's file offline again afterwards. It makes no
key that seals credentials: if DATA/keys/box.key is lost, too, the server says what to do, and the
credentials are entered anew with crontopus sources credentials and crontopus secrets set.`,
		Example: "  crontopus keys recover --recovery-key /media/safe/recovery.pem",
		Args:    exactArgs(),
	}, func(ctx context.Context, o app.Options, _ []string, log *slog.Logger) (crontopus.KeySet, error) {
		return app.RecoverKeys(ctx, o, file, time.Now(), log)
	})
	cmd.Flags().StringVar(&file, "recovery-key", "", "the recovery key, a PEM `file`")
	_ = cmd.MarkFlagRequired("recovery-key") // fails only for a flag that does not exist
	return cmd
}

func newKeysRekeyCommand() *cobra.Command {
	options := app.Defaults()
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Make a new key that seals credentials, and seal them all with it",
		Long: `Make a new key that seals credentials (the secrets of channels, Git passwords, webhook secrets) and
seal them all with it, while every server on the database is stopped. The old key is good for
backups from before and nothing else; DATA/keys/box.key is the new one. If this breaks off, do it again:
it is finished then, and no server starts before.`,
		Args: exactArgs(),
	}
	addDatabaseFlags(cmd, &options)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		sealed, err := app.Rekey(cmd.Context(), options, log)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Sealed %d credentials with a new key. Copy keys/box.key of this data folder to every other server.\n", sealed)
		return nil
	}
	return cmd
}
