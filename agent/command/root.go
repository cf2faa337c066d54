package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/usage"
)

// exitFailed is the exit code of a command that could not do what it was asked.
const exitFailed = 2

// Main runs one command line, without the program's name, and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := Root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
}

// Root returns the whole tree of commands.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:   "crontopus-agent",
		Short: "Runs on every host: keeps its scheduler as Git says, and runs the jobs",
		Long: `crontopus-agent keeps this host's own scheduler as the signed bundle from the
Crontopus server says, within what the host's policy allows, and wraps each run to
report what came of it. Jobs go on when the daemon, the network or the server is away.`,
		Args:          usage.NoSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
	}
	usage.Prepare(root, usage.Version())
	settings := addSettings(root)
	root.AddCommand(
		newEnrollCommand(settings), newRunCommand(settings), newExecCommand(settings), newStatusCommand(settings),
		newPauseCommand(settings), newResumeCommand(settings), newRotateKeyCommand(settings), newUninstallCommand(settings), usage.VersionCommand(),
	)
	return root
}

// exitCode ends the program with a job's own code; nothing is printed.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// report prints the error that a command ended with and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	fmt.Fprintln(stderr, "crontopus-agent:", err)
	if hint := crontopus.ErrorHint(err); hint != "" {
		fmt.Fprintln(stderr, "hint:", hint)
	}
	return exitFailed
}
