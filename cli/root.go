package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/internal/usage"
)

// Main runs one command line, without the program's name, and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return report(stderr, pointToList(cmd, err))
}

// Root returns the whole tree of commands, for what reads it: the test that every
// command line in the documentation exists.
func Root() *cobra.Command { return newRootCommand() }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "crontopus",
		Short: "Cron jobs from Git to every host, and what came of them",
		Long: `Crontopus makes Git the source of truth for cron jobs and leaves the running to
the scheduler that each host already has.`,
		Args:              usage.NoSuchCommand,
		RunE:              showHelp,
		SilenceErrors:     true, // report prints them
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	usage.Prepare(root, usage.Version())
	root.AddGroup(
		&cobra.Group{ID: groupLocal, Title: "Write and check manifests:"},
		&cobra.Group{ID: groupRemote, Title: "Ask a server:"},
		&cobra.Group{ID: groupServer, Title: "Run Crontopus:"},
	)
	addTo(root, groupLocal, newValidateCommand(), newExplainCommand(), newDiffCommand(), newFmtCommand(), newImportCommand(), newScheduleCommand(), newForecastCommand(), newSchemaCommand(), newInitCommand(), newHookCommand(), newCommentCommand())
	addTo(root, groupRemote, newAuthCommand(), newSourcesCommand(), newJobsCommand(), newRunsCommand(), newStatusCommand(), newIncidentsCommand(), newSilencesCommand(), newAgentsCommand(), newAPIKeysCommand(), newPingKeysCommand(), newBadgesCommand(), newChannelsCommand(), newSecretsCommand())
	addTo(root, groupServer, newServerCommand(), newBackupCommand(), newEpochCommand(), newKeysCommand(), newDemoCommand())
	root.AddCommand(usage.VersionCommand(), newFetchChildCommand(), newDemoWebhookCommand())
	return root
}

// Groups of commands in the help.
const (
	groupLocal  = "local"
	groupRemote = "remote"
	groupServer = "server"
)

func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// newGroup makes a command that only holds others, such as sources.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: use, Short: short, Args: usage.NoSuchCommand, RunE: showHelp}
	group.AddCommand(commands...)
	return group
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// exactArgs is what most commands say of their arguments.
func exactArgs(names ...string) cobra.PositionalArgs { return usage.ExactArgs(names...) }
