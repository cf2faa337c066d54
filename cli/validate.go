package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

func newValidateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate [PATH…]",
		Short: "Check manifests and show every problem",
		Long: `Checks the manifests in files and folders, the current folder by default; "-" is
standard input. In a folder every *.yaml and *.yml is read, except where a part of the
path begins with a dot or a .crontopusignore leaves it out. A file whose first line is
"# crontopus: ignore" is left out too.

Exit code: 0 all is well, 1 there are problems, 2 something could not be read.`,
		Example: `  crontopus validate
  crontopus validate jobs/ -o json
  git show HEAD:jobs/backup.yaml | crontopus validate -`,
	}
	format := addOutputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		v := validation{stdin: cmd.InOrStdin()}
		for _, arg := range args {
			if err := v.read(arg); err != nil {
				return err
			}
		}
		v.finish()
		if format.value == formatJSON {
			if err := newPrinter(cmd, format).encode(v.report()); err != nil {
				return err
			}
		} else {
			v.write(cmd.OutOrStdout(), cmd.ErrOrStderr())
		}
		if len(v.tree.Problems) > 0 {
			return errProblems
		}
		return nil
	}
	return cmd
}

const formatText = "text"

// validation is what validate has found so far.
type validation struct {
	stdin io.Reader
	input bytes.Buffer // what came from stdin, to show lines of it
	tree  manifests.Tree
}

// validateReport is the JSON form.
type validateReport struct {
	Files    int                 `json:"files"`
	Jobs     int                 `json:"jobs"`
	Problems []crontopus.Problem `json:"problems"`
}

// read takes one argument: a folder, a file, or "-".
func (v *validation) read(arg string) error {
	if arg == "-" {
		return v.readFrom(arg, io.TeeReader(v.stdin, &v.input))
	}
	info, err := os.Stat(arg)
	if err != nil {
		return cannotRead(arg, err)
	}
	if info.IsDir() {
		tree, err := manifests.Read(os.DirFS(arg), ".", func(name string) string { return under(arg, name) })
		if err != nil {
			return cannotRead(arg, err)
		}
		v.add(tree)
		return nil
	}
	f, err := os.Open(arg)
	if err != nil {
		return cannotRead(arg, err)
	}
	defer f.Close()
	return v.readFrom(arg, f)
}

func (v *validation) readFrom(name string, from io.Reader) error {
	docs, problems, err := manifests.DecodeFrom(name, from)
	if err != nil {
		return cannotRead(name, err)
	}
	v.add(manifests.Tree{Documents: docs, Problems: problems, Files: 1})
	return nil
}

func (v *validation) add(t manifests.Tree) {
	v.tree.Documents = append(v.tree.Documents, t.Documents...)
	v.tree.Problems = append(v.tree.Problems, t.Problems...)
	v.tree.Files += t.Files
}

// finish checks all arguments' manifests against each other.
func (v *validation) finish() {
	v.tree.Problems = append(v.tree.Problems, manifests.Check(v.tree.Documents)...)
	manifests.Sort(v.tree.Problems)
}

func (v *validation) report() validateReport {
	r := validateReport{Files: v.tree.Files, Jobs: len(v.tree.Documents), Problems: v.tree.Problems}
	if r.Problems == nil {
		r.Problems = []crontopus.Problem{}
	}
	return r
}

// write shows the problems on out, each with its line, and a summary on talk.
func (v *validation) write(out, talk io.Writer) {
	lines := map[string][]string{}
	for _, p := range v.tree.Problems {
		fmt.Fprintln(out, visible(p.String()))
		if p.Line > 0 {
			if _, known := lines[p.File]; !known {
				lines[p.File] = v.lines(p.File)
			}
			if text := lines[p.File]; p.Line <= len(text) {
				writeCaret(out, text[p.Line-1], p.Column)
			}
		}
		if p.Hint != "" {
			fmt.Fprintln(out, "  hint:", visible(p.Hint))
		}
	}
	if n := len(v.tree.Problems); n > 0 {
		fmt.Fprintf(talk, "%s in %s\n", count(n, "problem"), count(v.tree.Files, "file"))
		return
	}
	if v.tree.Files == 0 {
		fmt.Fprintln(talk, "nothing to check: there is no *.yaml or *.yml here")
		return
	}
	fmt.Fprintf(talk, "%s in %s: all is well\n", count(len(v.tree.Documents), "job"), count(v.tree.Files, "file"))
}

// lines returns the lines of a file that has been read, or nothing if it has gone.
func (v *validation) lines(file string) []string {
	data := v.input.Bytes()
	if file != "-" {
		data, _ = os.ReadFile(file) // it was read a moment ago; without it the caret is left out
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// writeCaret shows a line, or the part of a long one around the column, and points at
// the column.
func writeCaret(w io.Writer, line string, column int) {
	const width = 100
	text, at := []rune(line), column-1
	if from := at - width/2; from > 0 && len(text) > width {
		text, at = text[min(from, len(text)):], at-from
	}
	text = text[:min(len(text), width)]
	for i, c := range text {
		if c == '\t' {
			text[i] = ' '
		}
	}
	fmt.Fprintf(w, "  %s\n", visible(string(text)))
	if at >= 0 && at <= len(text) {
		before := visible(string(text[:at]))
		fmt.Fprintf(w, "  %s^\n", strings.Repeat(" ", utf8.RuneCountInString(before)))
	}
}

// visible replaces what a terminal would act on.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if c != ' ' && !strconv.IsPrint(c) {
			return '·'
		}
		return c
	}, s)
}

// under joins a folder, as it was given, and a path below it.
func under(folder, name string) string {
	switch {
	case folder == ".":
		return name
	case strings.HasSuffix(folder, "/"):
		return folder + name
	}
	return folder + "/" + name
}

func cannotRead(name string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return crontopus.Errorf(crontopus.CodeInvalid, "%s cannot be read: %w", name, err).
		WithHint("name files or folders that exist and may be read, or - for standard input")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
