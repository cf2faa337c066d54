package cli

import (
	"bufio"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
	"crontopus.dev/crontopus/internal/usage"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/lint"
)

func newValidateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate [PATH…]",
		Short: "Check manifests and show every problem",
		Long: `Checks the manifests in files and folders, the current folder by default; "-" is
standard input, and a pattern such as 'jobs/**/*.yaml' names all that match. In a folder
every *.yaml and *.yml is read, except where a part of the path begins with a dot or a
.crontopusignore leaves it out. A file whose first line is "# crontopus: ignore" is left
out too.

Defaults in the folders above a file or folder that is named hold for it, up to the root
of its repository; --root names another folder to begin at: the one that the source reads.

With --git-ref the files are those of a commit; nothing is checked out. REF:PATH begins in a
folder of it, as in git. With --server, targets are compared with the agents that a server knows.

Exit code: 0 all is well, 1 there are problems, 2 something could not be read. Warnings
alone end with 0, unless --strict is given.`,
		Example: `  crontopus validate
  crontopus validate jobs/ -o json
  crontopus validate --git-ref origin/main jobs/
  crontopus validate --server jobs/
  git show HEAD:jobs/backup.yaml | crontopus validate -`,
	}
	addServerFlags(cmd)
	server := cmd.PersistentFlags().Lookup("server")
	server.Usage, server.NoOptDefVal = "also warn of targets that no agent of this server matches; alone: of the server that auth login stored", loginServer
	format := addOutputFlag(cmd, findings.Formats()...)
	ref := cmd.Flags().String("git-ref", "", "check the files of this commit, branch, tag or tree instead of those on disk")
	root := cmd.Flags().String("root", "", "the folder from which on Defaults hold (default: the root of the repository)")
	strict := cmd.Flags().Bool("strict", false, "end with 1 for warnings, too")
	watch := cmd.Flags().Bool("watch", false, "check again whenever a file changes, until interrupted")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		defer collectSeldom()()
		if *watch && *ref != "" {
			return crontopus.Errorf(crontopus.CodeInvalid, "a commit does not change, so --watch has nothing to wait for").
				WithHint("leave out --git-ref to watch the files on disk, or --watch")
		}
		asked := server.Changed
		args, err := takeServer(cmd, args)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			args = []string{"."}
		}
		check := func() error {
			v, err := openValidation(cmd.Context(), cmd.InOrStdin(), *ref)
			if err != nil {
				return err
			}
			defer v.close()
			if err := v.begin(*root); err != nil {
				return err
			}
			if asked {
				if err := v.ask(cmd); err != nil {
					return err
				}
			}
			r, err := v.report(args)
			if err != nil {
				return err
			}
			r.Color = styleOf(cmd.OutOrStdout()).color
			out := bufio.NewWriter(cmd.OutOrStdout())
			if err := errors.Join(r.Write(out, format.value), out.Flush()); err != nil {
				return err
			}
			cmd.PrintErrln(r.Summary())
			if err := verdict(r); err != nil || !*strict || len(r.Problems) == 0 {
				return err
			}
			return errProblems
		}
		if *watch {
			return recheck(cmd, args, check)
		}
		return check()
	}
	return cmd
}

// report reads what the arguments name and says what it found.
func (v *validation) report(args []string) (*findings.Report, error) {
	start := time.Now()
	for _, arg := range args {
		if err := v.read(arg); err != nil {
			return nil, err
		}
	}
	tree := v.finish()
	alerting := map[string]int{}
	for i := range tree.Alerting {
		alerting[tree.Alerting[i].Kind()]++
	}
	return &findings.Report{
		Version:  usage.Version(),
		Files:    tree.Files,
		Jobs:     len(tree.Documents),
		Alerting: alerting,
		Took:     time.Since(start),
		Problems: tree.Problems,
		Lines:    v.lines,
		Help:     lint.Page,
		About:    lint.Summary,
	}, nil
}

// verdict is how a command ends that has written what it found.
func verdict(r *findings.Report) error {
	switch {
	case slices.ContainsFunc(r.Problems, func(p crontopus.Problem) bool { return p.Code == manifests.CodeUnreadable }):
		return errUnread
	case r.Errors() > 0:
		return errProblems
	}
	return nil
}
