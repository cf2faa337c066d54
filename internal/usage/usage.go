// Package usage answers command lines that are not right in the same way for both
// programs: what is wrong, and what was probably meant. It knows nothing of jobs. Every
// package may import it.
package usage

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
)

// Prepare gives a program's root command these answers, a help that knows which commands
// there are, and --version.
func Prepare(root *cobra.Command, version string) {
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if err := NoSuchCommand(about, rest); err != nil {
				return err
			}
			return about.Help()
		},
	})
	root.Version = version
}

// NoSuchCommand refuses what follows a group's name and is none of its commands, and says
// which one was probably meant. (cobra does so for the root only, and shows a group's help
// as if all were well.)
func NoSuchCommand(cmd *cobra.Command, args []string) error {
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

// ExactArgs refuses any other number of arguments than the names given, and says what is
// missing.
func ExactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		usage := fmt.Sprintf("%s %s", cmd.CommandPath(), strings.Join(names, " "))
		if len(args) < len(names) {
			return crontopus.Errorf(crontopus.CodeInvalid, "%s is missing", names[len(args)]).WithHint("write %s", usage)
		}
		return tooMany(args[len(names)], usage)
	}
}

// MaxArgs refuses more arguments than the names given.
func MaxArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= len(names) {
			return nil
		}
		return tooMany(args[len(names)], fmt.Sprintf("%s [%s]", cmd.CommandPath(), strings.Join(names, "] [")))
	}
}

func tooMany(arg, usage string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "%q is one argument too many", arg).
		WithHint("write %s", strings.TrimSpace(usage))
}
