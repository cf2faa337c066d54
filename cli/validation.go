package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gitfs"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/lint"
)

// inspected reads manifests and warns of what is odd in them.
var inspected = manifests.Reader{Inspect: lint.Inspect}

// validation is what validate has read so far.
type validation struct {
	reader manifests.Reader
	stdin  io.Reader
	input  bytes.Buffer // what came from stdin, to show lines of it
	commit *gitfs.FS    // nil: the files on disk
	at     string       // the folder that the commit was asked from; "": the current one
	root   string       // Defaults are looked for from here on; "": the repository
	tree   manifests.Tree
	given  []*manifests.Defaults       // of the files that are named
	folder bool                        // a folder was read with all that is in it
	asked  bool                        // a server, for its
	agents []crontopus.Agent           // agents
	scopes map[string]*manifests.Scope // by folder, those that were looked for
}

func openValidation(ctx context.Context, stdin io.Reader, ref string) (*validation, error) {
	v := &validation{reader: inspected, stdin: stdin}
	if ref == "" {
		return v, nil
	}
	var err error
	v.commit, err = gitfs.Open(ctx, ".", ref)
	return v, err
}

// begin has Defaults looked for from a folder on; "" is the repository's root.
func (v *validation) begin(root string) error {
	if root == "" {
		return nil
	}
	fsys, name, err := v.place(root)
	if err != nil {
		return err
	}
	switch info, err := fs.Stat(fsys, name); {
	case err != nil:
		return cannotRead("--root "+root, err)
	case !info.IsDir():
		return crontopus.Errorf(crontopus.CodeInvalid, "--root %s is no folder", root).WithHint("name the folder that the source reads")
	}
	v.root = root
	return nil
}

func (v *validation) close() {
	if v.commit != nil {
		_ = v.commit.Close() // everything has been read
	}
}

// read takes one argument: a folder, a file, a pattern, or "-".
func (v *validation) read(arg string) error {
	if arg == "-" {
		data, err := io.ReadAll(io.LimitReader(io.TeeReader(v.stdin, &v.input), manifests.MaxBytes))
		if err != nil {
			return cannotRead(arg, err)
		}
		v.addFile(arg, v.reader.Alone(arg, data))
		return nil
	}
	fsys, name, err := v.place(arg)
	if err != nil {
		return err
	}
	info, err := fs.Stat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) && isPattern(arg) {
		return v.readPattern(arg)
	}
	if err != nil {
		return cannotRead(arg, err)
	}
	if info.IsDir() {
		v.folder = true
		return v.readFolder(fsys, name, arg)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return cannotRead(arg, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, manifests.MaxBytes))
	if err != nil {
		return cannotRead(arg, err)
	}
	scope, err := v.aboveFile(arg)
	if err != nil {
		return err
	}
	v.addFile(arg, v.reader.Decode(arg, data, scope))
	return v.afford(arg)
}

// afford refuses arguments whose matrices make too much together; a folder by itself has
// been bounded already.
func (v *validation) afford(arg string) error {
	if v.tree.Made <= manifests.MaxMade {
		return nil
	}
	return crontopus.Errorf(crontopus.CodeTooLarge, "the matrices of all arguments up to %s make more than %s of jobs together", arg, crontopus.Size(manifests.MaxMade)).
		WithHint("keep placeholders out of long texts, or check fewer files at once")
}

// isPattern reports whether an argument may be a pattern; what exists under that name comes
// first.
func isPattern(arg string) bool { return strings.ContainsAny(arg, "*?[{") }

// place returns where an argument's file or folder lies. On disk its folder is the root,
// so that a link that the user names is followed, and none below it.
func (v *validation) place(arg string) (fs.FS, string, error) {
	if v.commit == nil {
		return disk{}, arg, nil
	}
	if filepath.IsAbs(arg) {
		return nil, "", crontopus.Errorf(crontopus.CodeInvalid, "%s is a whole path, which a commit does not have", arg).
			WithHint("go to the repository and name the path from there")
	}
	name := path.Join(v.commit.Prefix(), filepath.ToSlash(arg))
	if !fs.ValidPath(name) {
		return nil, "", crontopus.Errorf(crontopus.CodeInvalid, "%s lies outside the repository", arg).WithHint("name a path inside it")
	}
	return v.commit, name, nil
}

// disk opens paths as the user gave them.
type disk struct{}

func (disk) Open(name string) (fs.File, error) {
	f, err := openNamed(name)
	if err != nil {
		return nil, err // and no nil that has a type
	}
	return f, nil
}

func (disk) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (v *validation) readFolder(fsys fs.FS, name, arg string) error {
	if fsys == (disk{}) {
		fsys, name = os.DirFS(arg), "."
	}
	reader := v.reader
	var err error
	if reader.Above, err = v.aboveFolder(arg); err != nil {
		return err
	}
	tree, err := reader.Read(fsys, name, func(found string) string {
		if name == "." {
			return under(arg, found)
		}
		return under(arg, strings.TrimPrefix(found, name+"/"))
	})
	if err != nil {
		return cannotRead(arg, err)
	}
	v.add(tree)
	return v.afford(arg)
}

// readPattern takes all files and folders that a pattern names.
func (v *validation) readPattern(pattern string) error {
	var found []string
	var err error
	if v.commit == nil {
		found, err = doublestar.FilepathGlob(pattern, doublestar.WithFailOnIOErrors(), doublestar.WithFilesOnly(), doublestar.WithNoFollow())
	} else {
		found, err = v.globCommit(pattern)
	}
	if err != nil {
		return cannotRead(pattern, err)
	}
	if len(found) == 0 {
		return noMatch(pattern)
	}
	for _, name := range found {
		if err := v.read(name); err != nil {
			return err
		}
	}
	return nil
}

func noMatch(pattern string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "no file matches %s", pattern).
		WithHint("** stands for any folders, * for a part of a name; quote the pattern, or the shell takes it first")
}

func (v *validation) globCommit(pattern string) ([]string, error) {
	prefix := v.commit.Prefix()
	found, err := doublestar.Glob(v.commit, path.Join(prefix, filepath.ToSlash(pattern)), doublestar.WithFilesOnly())
	for i, name := range found {
		if prefix != "" {
			found[i] = strings.TrimPrefix(name, prefix+"/")
		}
	}
	return found, err
}

func (v *validation) addFile(name string, f manifests.File) {
	v.given = append(v.given, f.Defaults...)
	v.add(manifests.Tree{Documents: f.Documents, Alerting: f.Alerting, Problems: f.Problems, Files: []string{name}, Made: f.Made()})
}

func (v *validation) add(t manifests.Tree) {
	v.tree.Documents = append(v.tree.Documents, t.Documents...)
	v.tree.Alerting = append(v.tree.Alerting, t.Alerting...)
	v.tree.Problems = append(v.tree.Problems, t.Problems...)
	v.tree.Files = append(v.tree.Files, t.Files...)
	v.tree.Made += t.Made
}

// finish checks all arguments' manifests against each other.
func (v *validation) finish() manifests.Tree {
	v.tree.Problems = append(v.tree.Problems, manifests.Check(v.tree.Documents)...)
	v.tree.Problems = append(v.tree.Problems, manifests.CheckAlerting(v.tree.Alerting)...)
	v.tree.Problems = append(v.tree.Problems, lint.Check(v.tree.Documents)...)
	if v.folder {
		v.tree.Problems = append(v.tree.Problems, lint.CheckFolder(&v.tree)...)
	}
	if v.asked {
		v.tree.Problems = append(v.tree.Problems, lint.CheckAgainst(v.tree.Documents, v.agents)...)
	}
	v.tree.Problems = manifests.Unique(v.tree.Problems) // what Defaults give is found in many jobs
	manifests.Sort(v.tree.Problems)
	return v.tree
}

// lines returns the lines of a file that has been read, or nothing if it has gone.
func (v *validation) lines(file string) []string {
	data := v.input.Bytes()
	if file != "-" {
		fsys, name, err := v.place(file)
		if err != nil {
			return nil
		}
		data, _ = fs.ReadFile(fsys, name) // it was read a moment ago; without it the caret is left out
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}
