package cli

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/settings"
	"crontopus.dev/crontopus/internal/usage"
)

func newBackupCommand() *cobra.Command {
	return newGroup("backup", "Save, check and restore a server's SQLite database",
		newBackupCreateCommand(), newBackupVerifyCommand(), newBackupRestoreCommand())
}

// addDataFlag gives a command that works on a server's data folder the flag --data, which
// the server's own variable sets too.
func addDataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", app.Defaults().Data, "the server's data `folder`")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		return settings.Apply(cmd.Flags(), "", "CRONTOPUS", os.Environ())
	}
}

// addDatabaseFlags gives a command the flags that say where a server keeps its database.
func addDatabaseFlags(cmd *cobra.Command, options *app.Options) {
	addDataFlag(cmd, &options.Data)
	cmd.Flags().StringVar(&options.Database, "database", "", "`URL` of the server's PostgreSQL database (default: SQLite in the data folder)")
}

func newBackupCreateCommand() *cobra.Command {
	var data string
	var withKeys bool
	cmd := &cobra.Command{
		Use:   "create FILE",
		Short: "Save the database into one file, while the server runs",
		Long: `Save the SQLite database of a data folder into one file (a tar, mode 0600), as it is at one
moment. A server may run meanwhile and is not held up. The copy is checked before it
counts, and a file that is there already is never replaced.

Without --with-keys the file holds the database only; keep DATA/keys in another place
then, since a server without them cannot go on. With it, whoever reads the file can sign
bundles that your hosts accept. The recovery key is never in a backup.`,
		Example: `  crontopus backup create crontopus-2026-11-23.backup
  crontopus backup create --data /var/lib/crontopus --with-keys /mnt/safe/crontopus.backup`,
		Args: exactArgs("FILE"),
	}
	addDataFlag(cmd, &data)
	cmd.Flags().BoolVar(&withKeys, "with-keys", false, "also save the server's keys")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := app.CreateBackup(cmd.Context(), data, args[0], withKeys, usage.Version(), time.Now())
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(b, func(t *table) { describeBackup(t, b) })
	}
	return cmd
}

func newBackupVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that a backup is whole and can be restored",
		Long: `Check that a backup is whole and can be restored: every file in it is the one that was
saved (SHA-256), the database passes SQLite's integrity and reference checks, has a schema
that this version knows, and holds as many rows as it did. The database is unpacked
into the folder for temporary files ($TMPDIR) meanwhile.`,
		Args: exactArgs("FILE"),
	}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := app.VerifyBackup(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(b, func(t *table) { describeBackup(t, b) })
	}
	return cmd
}

func newBackupRestoreCommand() *cobra.Command {
	var data string
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup's database into a data folder that no server uses",
		Long: `Put a backup's database, and its keys if it has them, into a data folder that no server
uses. The backup is verified first, and the installation's epoch is raised, so that agents
take the restored state although they have seen a newer one.

A folder that is not empty is refused; keys may be there before. With --replace, the
database (and keys, if the backup brings some) that are there are kept in DATA/replaced-TIME.`,
		Example: `  crontopus backup restore crontopus-2026-11-23.backup --data /var/lib/crontopus`,
		Args:    exactArgs("FILE"),
	}
	addDataFlag(cmd, &data)
	cmd.Flags().BoolVar(&replace, "replace", false, "replace the database that is there; it is kept aside")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		r, err := app.RestoreBackup(cmd.Context(), data, args[0], replace, time.Now(), log)
		if err != nil {
			return err
		}
		err = newPrinter(cmd, output).print(r, func(t *table) {
			describeBackup(t, r.Backup)
			t.row("New epoch:", strconv.FormatInt(r.Epoch, 10))
			t.row("Replaced:", orDash(r.Kept))
		})
		if len(r.Missing) > 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "Before the server starts, put the installation's keys in place:", strings.Join(r.Missing, ", "))
		}
		return err
	}
	return cmd
}

func describeBackup(t *table, b *app.Backup) {
	t.row("Made:", t.style.time(&b.CreatedAt))
	t.row("By version:", b.Version)
	t.row("Installation:", b.Database.Installation.ID)
	t.row("Epoch:", strconv.FormatInt(b.Database.Installation.Epoch, 10))
	t.row("Schema:", strconv.FormatInt(b.Database.Schema, 10))
	for _, table := range []string{"sources", "desired_jobs", "agents", "runs"} {
		t.row("Rows of "+table+":", strconv.FormatInt(b.Database.Rows[table], 10))
	}
	for _, f := range b.Files {
		t.row("File:", fmt.Sprintf("%s  %d bytes  sha256:%s", f.Name, f.Size, f.SHA256))
	}
	if !b.HasKeys() {
		t.row("Keys:", "not in it")
	}
}

func newEpochCommand() *cobra.Command {
	return newGroup("epoch", "Begin a new epoch after a restore", newEpochRaiseCommand())
}

func newEpochRaiseCommand() *cobra.Command {
	options := app.Defaults()
	cmd := &cobra.Command{
		Use:   "raise",
		Short: "Let agents take a database that was restored by other means than crontopus backup restore",
		Long: `Begin a new epoch: every bundle is compiled anew and counts as newer than any before, so
that agents take a restored database's state, which would otherwise look like a rollback.
crontopus backup restore does so by itself; run this after pg_restore.`,
		Args: exactArgs(),
	}
	addDatabaseFlags(cmd, &options)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		epoch, err := app.RaiseEpoch(cmd.Context(), options, time.Now(), log)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), epoch)
		return err
	}
	return cmd
}
