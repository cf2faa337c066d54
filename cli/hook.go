package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
)

func newHookCommand() *cobra.Command {
	return newGroup("hook", "Check manifests where Git asks", newPreReceiveCommand())
}

func newPreReceiveCommand() *cobra.Command {
	var gate gate
	cmd := &cobra.Command{
		Use:   "pre-receive",
		Short: "Refuse a push whose manifests are invalid",
		Long: `Is the pre-receive hook of a repository on a Git server, such as Forgejo (hooks/pre-receive
is the script): it reads what a push would change from standard input, checks the manifests
of each branch that is pushed, and shows the problems to whoever pushes. Of a push that has
any, nothing is taken.

Branches that are removed, tags and all that is no branch pass: nothing is synced from
them. So does a branch that does not have the path.

Exit code: 0 the push is taken, 1 there are problems, 2 it could not be checked, which
refuses the push, too.`,
		Example: `  crontopus hook pre-receive
  crontopus hook pre-receive --path jobs --branch main --branch 'release/*'`,
		Args: exactArgs(),
	}
	cmd.Flags().StringVar(&gate.path, "path", ".", "the folder or file of the manifests, as their source has it")
	cmd.Flags().StringArrayVar(&gate.branches, "branch", nil, "check only branches that this name or pattern matches; may be repeated (default: every branch)")
	cmd.Flags().DurationVar(&gate.timeout, "timeout", time.Minute, "refuse what takes longer to check")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		gate.out, gate.talk = cmd.OutOrStdout(), cmd.ErrOrStderr()
		return gate.run(cmd.Context(), cmd.InOrStdin())
	}
	return cmd
}

// gate decides whether a push comes in.
type gate struct {
	path     string
	branches []string // patterns; none: every branch
	timeout  time.Duration
	out      io.Writer // the problems
	talk     io.Writer // what became of the push
}

// shownProblems is how many problems of a commit a pusher is shown: enough to begin with.
const shownProblems = 50

func (g *gate) run(ctx context.Context, in io.Reader) error {
	for _, pattern := range g.branches {
		if !doublestar.ValidatePattern(pattern) {
			return crontopus.Errorf(crontopus.CodeInvalid, "--branch %q is no pattern", pattern).WithHint("* stands for a part of a name, ** for any parts")
		}
	}
	updates, err := readUpdates(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	refused := false
	checked := map[string]bool{}
	for _, u := range updates {
		branch, isBranch := strings.CutPrefix(u.ref, "refs/heads/")
		if !isBranch || u.removed() || checked[u.commit] || !g.watches(branch) {
			continue
		}
		checked[u.commit] = true
		ok, err := g.check(ctx, branch, u.commit)
		if ctx.Err() != nil {
			return crontopus.Errorf(crontopus.CodeInvalid, "checking the manifests of %q takes longer than %s", branch, g.timeout).
				WithHint("push fewer branches at once, or let the server's hook have a longer --timeout or fewer branches (--branch)")
		}
		if err != nil {
			return err
		}
		refused = refused || !ok
	}
	if refused {
		fmt.Fprintf(g.talk, "nothing of this push is taken: mend the manifests, commit, and push again\n")
		return errProblems
	}
	return nil
}

// watches reports whether a branch is one to check.
func (g *gate) watches(branch string) bool {
	return len(g.branches) == 0 || slices.ContainsFunc(g.branches, func(pattern string) bool {
		return doublestar.MatchUnvalidated(pattern, branch)
	})
}

// check shows what is wrong with a commit's manifests, and reports whether they are right.
func (g *gate) check(ctx context.Context, branch, commit string) (bool, error) {
	v, err := openValidation(ctx, nil, commit)
	if err != nil {
		return false, err
	}
	defer v.close()
	v.root = g.path // all that the source reads
	if fsys, name, err := v.place(g.path); err != nil {
		return false, err
	} else if _, err := fs.Stat(fsys, name); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	r, err := v.report([]string{g.path})
	if err != nil || r.Errors() == 0 {
		return err == nil, err
	}
	fmt.Fprintf(g.talk, "%q at %.12s is refused: %s\n", branch, commit, r.Summary())
	r.Problems = slices.DeleteFunc(r.Problems, func(p crontopus.Problem) bool { return p.Level() != crontopus.SeverityError })
	more := len(r.Problems) - shownProblems
	r.Problems = r.Problems[:min(len(r.Problems), shownProblems)]
	if err := r.Write(g.out, findings.Text); err != nil {
		return false, err
	}
	if more > 0 {
		fmt.Fprintf(g.talk, "and %d more: crontopus validate shows all\n", more)
	}
	return false, nil
}

// update is what a push would do with a reference.
type update struct {
	commit string // that it would name; zeros where it is removed
	ref    string
}

func (u update) removed() bool { return strings.Trim(u.commit, "0") == "" }

// readUpdates reads what git tells a pre-receive hook: a line for each reference, with the
// old and the new commit and the reference's name.
func readUpdates(in io.Reader) ([]update, error) {
	var list []update
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 3)
		if len(words) != 3 || !isHash(words[0]) || !isHash(words[1]) {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "standard input has %q instead of what git tells a pre-receive hook", lines.Text()).
				WithHint("git starts this command; by hand, write a line of old commit, new commit and reference")
		}
		list = append(list, update{commit: words[1], ref: words[2]})
	}
	return list, lines.Err()
}

// isHash reports whether a word names an object by SHA-1 or SHA-256. Only such words are
// handed to git.
func isHash(word string) bool {
	return (len(word) == 40 || len(word) == 64) && strings.Trim(word, "0123456789abcdef") == ""
}
