package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
)

// Main runs one command line, without the program's name, and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
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
		Args:              noSuchCommand,
		RunE:              showHelp,
		SilenceErrors:     true, // report prints them
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: groupLocal, Title: "Write and check manifests:"},
		&cobra.Group{ID: groupRemote, Title: "Ask a server:"},
		&cobra.Group{ID: groupServer, Title: "Run Crontopus:"},
	)
	addTo(root, groupLocal, newValidateCommand(), newScheduleCommand(), newSchemaCommand())
	addTo(root, groupRemote, newAuthCommand(), newSourcesCommand(), newJobsCommand(), newRunsCommand(), newAgentsCommand(), newAPIKeysCommand())
	addTo(root, groupServer, newServerCommand(), newDemoCommand())
	root.AddCommand(newVersionCommand(), newFetchChildCommand(), newDemoWebhookCommand())
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
	group := &cobra.Command{Use: use, Short: short, Args: noSuchCommand, RunE: showHelp}
	group.AddCommand(commands...)
	return group
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// noSuchCommand refuses what follows a group's name and is none of its commands, and
// says which one was probably meant. (cobra does so for the root only, and shows a
// group's help as if all were well.)
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := crontopus.Errorf(crontopus.CodeInvalid, "%q is not a command of %s", args[0], cmd.CommandPath())
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := suggest.Nearest(args[0], names); near != "" {
		return err.WithHint("did you mean %s %s?", cmd.CommandPath(), near)
	}
	return err.WithHint("%s --help lists the commands", cmd.CommandPath())
}

// flagError says which flag was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	bad := crontopus.Errorf(crontopus.CodeInvalid, "%w", err)
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return bad.WithHint("%s --help shows the flags", cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	bad = crontopus.Errorf(crontopus.CodeInvalid, "%s has no flag --%s", cmd.CommandPath(), name)
	if near := suggest.Nearest(name, names); near != "" {
		return bad.WithHint("did you mean --%s?", near)
	}
	return bad.WithHint("%s --help shows the flags", cmd.CommandPath())
}

// exactArgs refuses any other number of arguments than the names given, and says what
// is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		usage := fmt.Sprintf("%s %s", cmd.CommandPath(), strings.Join(names, " "))
		if len(args) < len(names) {
			return crontopus.Errorf(crontopus.CodeInvalid, "%s is missing", names[len(args)]).WithHint("write %s", usage)
		}
		return crontopus.Errorf(crontopus.CodeInvalid, "%q is one argument too many", args[len(names)]).
			WithHint("write %s", strings.TrimSpace(usage))
	}
}
