package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/ci"
	"crontopus.dev/crontopus/internal/safetext"
	"crontopus.dev/crontopus/internal/usage"
	"crontopus.dev/crontopus/manifests"
)

func newInitCommand() *cobra.Command {
	system := &formatFlag{value: ci.Systems()[0], allowed: ci.Systems()}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Begin a repository of manifests",
		Long: `Writes what a repository of manifests begins with into a folder, the current one by
default: a first job, a README, a pipeline for the CI, and the configuration of pre-commit.
What is there already is left as it is, and a folder that has manifests gets no first job.

The files that were written are listed on standard output.`,
		Example: `  crontopus init
  crontopus init cron-jobs --ci github`,
		Args: usage.MaxArgs("DIR"),
	}
	cmd.Flags().Var(system, "ci", "whose pipeline to write: "+strings.Join(ci.Systems(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("ci", cobra.FixedCompletions(ci.Systems(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir := "."
		if len(args) > 0 {
			dir = args[0]
		}
		wrote, kept, err := begin(dir, system.value)
		for _, name := range wrote {
			fmt.Fprintln(cmd.OutOrStdout(), safetext.Line(under(dir, name)))
		}
		if err != nil {
			return err
		}
		for _, name := range kept {
			cmd.PrintErrf("%s was here and stays as it is\n", safetext.Line(under(dir, name)))
		}
		return whatNext(cmd, dir)
	}
	return cmd
}

// begin writes the files that the folder lacks, and says which ones it wrote and which
// were there.
func begin(dir, system string) (wrote, kept []string, err error) {
	list, err := ci.Starter()
	if err != nil {
		return nil, nil, err
	}
	pipeline, err := ci.Pipeline(system)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, cannotWrite(dir, err)
	}
	root, err := os.OpenRoot(dir) // a link in the folder leads nowhere else
	if err != nil {
		return nil, nil, cannotWrite(dir, err)
	}
	defer root.Close()
	has, err := hasManifests(root.FS())
	if err != nil {
		return nil, nil, cannotRead(dir, err)
	}
	for _, file := range append(list, pipeline) {
		if has && manifests.Reads(file.Path) {
			continue
		}
		isNew, err := create(root, file)
		switch {
		case err != nil:
			return wrote, kept, cannotWrite(under(dir, file.Path), err)
		case isNew:
			wrote = append(wrote, file.Path)
		default:
			kept = append(kept, file.Path)
		}
	}
	return wrote, kept, nil
}

// hasManifests reports whether a folder has any file that is read as a manifest.
func hasManifests(folder fs.FS) (bool, error) {
	found := false
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir() && manifests.Reads(name):
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// create writes a file, and reports false for one that is there already. Not atomicfile: no
// program reads the file meanwhile, and it must not replace what another one makes.
func create(root *os.Root, file ci.File) (bool, error) {
	if err := root.MkdirAll(path.Dir(file.Path), 0o755); err != nil {
		return false, err
	}
	f, err := root.OpenFile(file.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(file.Text)
	return true, errors.Join(err, f.Close())
}

// whatNext checks the folder as it is now and says what to do with it.
func whatNext(cmd *cobra.Command, dir string) error {
	v := &validation{reader: inspected}
	r, err := v.report([]string{dir})
	if err != nil {
		return err
	}
	cmd.PrintErrln(r.Summary())
	if r.Errors() > 0 {
		cmd.PrintErrln("Not everything here is a valid manifest: crontopus validate shows why. Name what is none in .crontopusignore.")
	}
	steps := []string{"edit jobs/hello.yaml, or add manifests of your own", "crontopus validate", "git add --all, commit, and push; the pipeline checks every pull request",
		"crontopus sources add jobs --url URL-OF-THE-REPOSITORY brings it to the hosts"}
	if _, err := os.Stat(filepath.Join(dir, "jobs", "hello.yaml")); err != nil {
		steps = steps[1:]
	}
	cmd.PrintErrln("What next:")
	for i, step := range steps {
		cmd.PrintErrf("  %d. %s\n", i+1, step)
	}
	return nil
}
