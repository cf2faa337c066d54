package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/safetext"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/format"
)

func newFmtCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fmt [PATH…]",
		Short: "Write manifests in the one way in which all are written",
		Long: `Formats the manifests in files and folders, the current folder by default, and prints
the names of those that it changed. Files are found as validate finds them; "-" is
standard input, which comes out formatted.

Fields get the order of the schema, levels two spaces, lists two more than their key,
comments one space before them and their place beside their field; of several blank
lines one stays. Quotes, blocks of text and line breaks inside brackets stay the
author's. What a manifest says never changes.

A file that cannot be read as YAML is a problem and stays as it is. A document that is
no manifest, and a file whose first line is "# crontopus: ignore", stay byte for byte.

Exit code: 0 all is well, 1 there are problems (with --check: or files that are not
formatted), 2 something could not be read or written.`,
		Example: `  crontopus fmt
  crontopus fmt --check jobs/
  crontopus fmt - < jobs/backup.yaml`,
	}
	check := cmd.Flags().Bool("check", false, "change nothing; print the names of files that are not formatted, and end with 1 if there are any")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		f := &formatting{cmd: cmd, check: *check, lines: map[string][]string{}}
		for _, arg := range args {
			f.note(f.argument(arg))
		}
		return f.finish()
	}
	return cmd
}

// formatting is what fmt has done so far.
type formatting struct {
	cmd     *cobra.Command
	check   bool
	files   int
	changed int
	stdin   bool // what was formatted is the output
	lines   map[string][]string
	problem []crontopus.Problem
	failed  []error // of what could not be read or written
}

// note keeps what could not be done of one file or argument; the others are formatted all the
// same.
func (f *formatting) note(err error) {
	if err != nil {
		f.failed = append(f.failed, err)
	}
}

// argument formats what one argument names: a folder, a file, a pattern, or "-".
func (f *formatting) argument(arg string) error {
	if arg == "-" {
		f.stdin = true
		data, err := readAll(f.cmd.InOrStdin())
		if err != nil {
			return cannotRead(arg, err)
		}
		return f.format(arg, data, func(formatted []byte) error {
			_, err := f.cmd.OutOrStdout().Write(formatted)
			return err
		})
	}
	info, err := os.Stat(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?[{"):
		return f.pattern(arg)
	case err != nil:
		return cannotRead(arg, err)
	case !info.IsDir():
		return f.file(arg)
	}
	names, problems, err := manifests.Files(os.DirFS(arg), ".")
	if err != nil {
		return cannotRead(arg, err)
	}
	for _, p := range problems {
		p.File = under(arg, p.File)
		f.problem = append(f.problem, p)
	}
	for _, name := range names {
		f.note(f.file(under(arg, name)))
	}
	return nil
}

func (f *formatting) pattern(pattern string) error {
	found, err := doublestar.FilepathGlob(pattern, doublestar.WithFailOnIOErrors(), doublestar.WithFilesOnly())
	if err != nil {
		return cannotRead(pattern, err)
	}
	if len(found) == 0 {
		return noMatch(pattern)
	}
	for _, name := range found {
		f.note(f.file(name))
	}
	return nil
}

// file formats a file. One that a link leads to is written where it is.
func (f *formatting) file(name string) error {
	from, err := openNamed(name)
	if err != nil {
		return cannotRead(name, err)
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return cannotRead(name, err)
	}
	data, err := readAll(from)
	if err != nil {
		return cannotRead(name, err)
	}
	return f.format(name, data, func(formatted []byte) error {
		if bytes.Equal(data, formatted) {
			return nil
		}
		return writeBack(name, formatted, info.Mode().Perm())
	})
}

func writeBack(name string, data []byte, perm fs.FileMode) error {
	target, err := filepath.EvalSymlinks(name)
	if err == nil {
		err = atomicfile.Write(target, data, perm)
	}
	if err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "%s cannot be written: %w", name, reason(err)).
			WithHint("see that the folder may be written to and has room; the file is as it was")
	}
	return nil
}

// format has a file's text written in its place, if it may change.
func (f *formatting) format(name string, data []byte, write func([]byte) error) error {
	f.files++
	formatted, problems := format.Format(name, data)
	if len(problems) > 0 {
		f.problem = append(f.problem, problems...)
		f.lines[name] = strings.Split(string(data), "\n")
		return nil
	}
	if !f.check {
		if err := write(formatted); err != nil {
			return err
		}
	}
	if !bytes.Equal(data, formatted) {
		f.changed++
		if f.check || name != "-" {
			fmt.Fprintln(f.cmd.OutOrStdout(), safetext.Line(name))
		}
	}
	return nil
}

// finish tells what was wrong, and how it went.
func (f *formatting) finish() error {
	manifests.Sort(f.problem)
	report := findings.Report{Problems: f.problem, Color: styleOf(f.cmd.ErrOrStderr()).color,
		Lines: func(file string) []string { return f.lines[file] }}
	if err := report.Write(f.cmd.ErrOrStderr(), findings.Text); err != nil {
		return err
	}
	switch {
	case f.files == 0 && len(f.failed) == 0 && len(f.problem) == 0:
		f.cmd.PrintErrln("nothing to format: there is no *.yaml or *.yml here")
	case f.check && f.changed > 0:
		f.cmd.PrintErrf("%d of %d files to format: run crontopus fmt\n", f.changed, f.files)
	case !f.stdin && f.changed > 0:
		f.cmd.PrintErrf("%d of %d files formatted\n", f.changed, f.files)
	}
	if len(f.failed) > 0 {
		return errors.Join(f.failed...)
	}
	if err := verdict(&report); err != nil || !f.check || f.changed == 0 {
		return err
	}
	return errProblems
}

// readAll reads a file, or as much of it as is more than a manifest's file may have.
func readAll(from io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(from, 1<<20))
}
