package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/changes"
	"crontopus.dev/crontopus/internal/gitfs"
	"crontopus.dev/crontopus/internal/safetext"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/diff"
)

func newDiffCommand() *cobra.Command {
	var in diffInput
	cmd := addServerFlags(&cobra.Command{
		Use:   "diff [FOLDER]",
		Short: "Show what a change of the manifests means: jobs, hosts, run times, risks",
		Long: `Compares the manifests in a folder, the current one by default, with those of another
commit (--base), or with what a server has in force (--server), and shows what that means:
which jobs go, change and come, field by field; when they run; what the schedulers of the
hosts will hold; and whether the removal guard will hold it. So it does for alert policies,
channels and maintenance windows, field by field. What a manifest says after its defaults is
compared, so a file that only moved is no difference.

The new side is what lies on disk, or a commit (--head). Nothing is checked out.

With --server alone the server is the one that auth login stored; its hosts are the ones
that are told of. Without a server --agents FILE names hosts: what
"crontopus agents list -o json" prints, or a list that is written by hand. Without hosts
the change is told by target.

Exit code: 0 nothing changes, 1 something does, 2 it could not be compared.`,
		Example: `  crontopus diff --base main
  crontopus diff jobs/ --base origin/main --head HEAD -o markdown
  crontopus diff --server --source ops jobs/
  crontopus diff --base HEAD~1 --agents hosts.yaml`,
	})
	flags := cmd.Flags()
	flags.StringVar(&in.base, "base", "", "compare with this commit, branch or tag")
	flags.StringVar(&in.head, "head", "", "take the new manifests of this commit instead of those on disk")
	flags.StringVar(&in.source, "source", "", "the server's source that the folder is; needed where it has several")
	flags.StringVar(&in.root, "root", "", "the folder that the source reads, where the compared one is a part of it: Defaults hold from there on")
	flags.StringVar(&in.agents, "agents", "", "`FILE` that names the hosts, as agents list -o json prints them")
	flags.StringVar(&in.from, "from", "", "tell the runs after this time, in RFC 3339 (default now)")
	server := cmd.PersistentFlags().Lookup("server")
	server.NoOptDefVal = loginServer
	format := addOutputFlag(cmd, changes.Formats()...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in.asked = server.Changed
		if err := in.takeArgs(cmd, args); err != nil {
			return err
		}
		r, err := in.compare(cmd)
		if err != nil {
			return err
		}
		if err := changes.Write(cmd.OutOrStdout(), r, format.value, styleOf(cmd.OutOrStdout()).color); err != nil {
			return err
		}
		if r.Different() {
			return errProblems
		}
		return nil
	}
	return cmd
}

// diffInput is what the command line says.
type diffInput struct {
	folder, base, head, source, agents, from string
	root                                     string // Defaults are looked for from here on; "": in the folder
	asked                                    bool   // a server
}

// takeArgs takes the folder.
func (in *diffInput) takeArgs(cmd *cobra.Command, args []string) error {
	args, err := takeServer(cmd, args)
	if err != nil {
		return err
	}
	if len(args) > 1 {
		return crontopus.Errorf(crontopus.CodeInvalid, "diff takes one folder, and there are %d arguments", len(args)).
			WithHint("name the folder that a source reads; write --server=ADDRESS for the address of a server")
	}
	if len(args) == 1 {
		in.folder = args[0]
	}
	return nil
}

// compare reads both sides and the hosts, and says what the change means.
func (in *diffInput) compare(cmd *cobra.Command) (*diff.Report, error) {
	from := time.Now()
	if in.from != "" {
		var err error
		if from, err = time.Parse(time.RFC3339, in.from); err != nil {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "--from %q is not a time", in.from).
				WithHint("write it in RFC 3339, such as 2026-03-08T00:00:00Z")
		}
	}
	if in.base == "" && !in.asked {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "there is nothing to compare with").
			WithHint("write --base REF, such as --base origin/main, or --server to compare with what a server has in force")
	}
	var live *liveSource
	if in.asked {
		var err error
		if live, err = in.ask(cmd); err != nil {
			return nil, err
		}
	}
	folder := cmp.Or(in.folder, ".")
	if in.folder == "" && live != nil && live.source.Path != "" {
		folder = live.source.Path
	}
	before, notes, err := in.before(cmd.Context(), folder, live)
	if err != nil {
		return nil, err
	}
	after, err := readSide(cmd.Context(), folder, in.root, in.head)
	if err != nil {
		return nil, err
	}
	if err := after.refuse(cmd); err != nil {
		return nil, err
	}
	if before.missing && after.missing {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "there is no folder %s, neither in %s nor in %s", folder, before.name, after.name).
			WithHint("name the folder that the source reads")
	}
	fleet, err := in.fleet(live)
	if err != nil {
		return nil, err
	}
	r := diff.New(before.jobs, after.jobs, fleet, from)
	r.From, r.To, r.Notes = before.name, after.name, append(r.Notes, notes...)
	if live != nil {
		r.Own(live.others)
	}
	if in.base == "" && live.untold {
		r.Notes = append(r.Notes, "policies, channels and windows are not compared: the server is too old to tell its own")
	} else {
		r.Alerting = diff.Alerting(before.alerting, after.alerting)
	}
	return r, nil
}

func (in *diffInput) before(ctx context.Context, folder string, live *liveSource) (s side, notes []string, err error) {
	if in.base == "" {
		return live.side(), nil, nil
	}
	if s, err = readSide(ctx, folder, in.root, in.base); err != nil {
		return s, nil, err
	}
	if n := len(s.problems); n > 0 {
		notes = append(notes, "not all manifests of "+s.name+" are right, and what could not be read counts as not there: "+s.problems[0].String())
	}
	return s, notes, nil
}

func (in *diffInput) fleet(live *liveSource) (diff.Fleet, error) {
	switch {
	case in.agents != "":
		return readInventory(in.agents)
	case live != nil:
		return diff.Fleet{Known: true, Agents: live.agents}, nil
	}
	return diff.Fleet{}, nil
}

// side is one of the two that are compared.
type side struct {
	name     string
	jobs     []crontopus.DesiredJob
	alerting []crontopus.DesiredAlerting
	problems []crontopus.Problem
	missing  bool // there is no such folder
}

// workingTree is the name of the side that lies on disk.
const workingTree = "working tree"

// readSide reads a folder of a commit, or, without one, of the disk. A folder that is not
// there has no jobs. Defaults from above (or "") down to the folder hold in it, too.
func readSide(ctx context.Context, folder, above, ref string) (side, error) {
	s := side{name: cmp.Or(ref, workingTree)}
	v := validation{root: above, at: askedFrom(folder)}
	fsys, root := os.DirFS(folder), "."
	if ref != "" {
		commit, err := gitfs.Open(ctx, v.at, ref)
		if err != nil {
			return s, err
		}
		defer commit.Close()
		v.commit = commit
		whole, err := v.whole(folder)
		if err != nil {
			return s, err
		}
		fsys, root = commit, path.Join(".", whole[1:])
		if !fs.ValidPath(root) {
			return s, crontopus.Errorf(crontopus.CodeInvalid, "%s is no folder of the repository", folder).
				WithHint("go to the repository and name the folder from there")
		}
	}
	info, err := fs.Stat(fsys, root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.missing = true
		return s, nil
	case err != nil:
		return s, cannotRead(folder, err)
	case !info.IsDir():
		return s, crontopus.Errorf(crontopus.CodeInvalid, "%s is no folder", folder).WithHint("name the folder that the source reads")
	}
	var reader manifests.Reader
	if above != "" {
		if reader.Above, err = v.aboveFolder(folder); err != nil {
			return s, err
		}
	}
	inside := strings.TrimPrefix(root+"/", "./")
	tree, err := reader.Read(fsys, root, func(name string) string { return under(folder, strings.TrimPrefix(name, inside)) })
	if err != nil {
		return s, cannotRead(folder, err)
	}
	if v.commit != nil && v.commit.Err() != nil {
		return s, v.commit.Err() // what is not here is not gone
	}
	v.add(tree)
	s.problems = slices.Concat(v.tree.Problems, manifests.Check(tree.Documents), manifests.CheckAlerting(tree.Alerting))
	manifests.Sort(s.problems)
	s.take(&tree)
	return s, nil
}

// take takes over what a tree says, the first of each name: another one is one of the problems.
func (s *side) take(tree *manifests.Tree) {
	taken := map[crontopus.JobName]bool{}
	for _, doc := range tree.Documents {
		if !taken[doc.Job.Name()] {
			taken[doc.Job.Name()] = true
			s.jobs = append(s.jobs, crontopus.DesiredJob{Job: *doc.Job, Digest: doc.Job.Digest(), Path: doc.Path, Line: doc.Line})
		}
	}
	said := map[string]bool{}
	for i := range tree.Alerting {
		one := &tree.Alerting[i]
		if id := one.Kind() + " " + one.Name().String(); !said[id] {
			said[id] = true
			s.alerting = append(s.alerting, crontopus.DesiredAlerting{AlertingManifest: one.AlertingManifest, Path: one.Path, Line: one.Line})
		}
	}
}

// refuse says what is wrong with the new side: such a revision would change nothing.
func (s *side) refuse(cmd *cobra.Command) error {
	if len(s.problems) == 0 {
		return nil
	}
	const shown = 20
	for i, p := range s.problems {
		if i == shown {
			cmd.PrintErrf("… and %d more\n", len(s.problems)-shown)
			break
		}
		cmd.PrintErrln(safetext.Line(p.String()))
	}
	return crontopus.Errorf(crontopus.CodeInvalid, "the manifests of %s are not right, so they would change nothing", s.name).
		WithHint("crontopus validate shows every problem with its line")
}
