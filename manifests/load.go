package manifests

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	crontopus "crontopus.dev/crontopus"
)

// Reads reports whether a path, slash-separated, is one that manifests are read from: its
// name ends in .yaml or .yml and no part of it begins with a dot. IgnoreFile can still
// leave it out.
func Reads(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml":
		return !hasDotPart(name)
	}
	return false
}

func hasDotPart(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." || strings.Contains(name, "/.")
}

// Tree is what a folder of manifests holds.
type Tree struct {
	Documents []Document
	Alerting  []Alerting
	Problems  []crontopus.Problem
	Files     []string // that were read, in order
	Made      int      // bytes that matrices made
}

// Load reads every manifest under root (slash-separated; "." is all of fsys), with all
// cores, and checks them against each other. Paths are those of fsys; problems are ordered
// by file and place. The error is for a root that cannot be walked.
func Load(fsys fs.FS, root string) ([]Document, []crontopus.Problem, error) {
	tree, err := Reader{}.Read(fsys, root, func(name string) string { return name })
	if err != nil {
		return nil, nil, err
	}
	problems := slices.Concat(tree.Problems, Check(tree.Documents), CheckAlerting(tree.Alerting))
	Sort(problems)
	return tree.Documents, problems, nil
}

// Reader reads manifests and has each that is right inspected.
type Reader struct {
	Inspect Inspector // nil: nobody looks
	Above   *Scope    // that holds in the folder that is read
	Trace   bool      // Document.Field is asked for

	spent *atomic.Int64 // bytes that the matrices of a tree have made so far; nil: of one file
	found *atomic.Int64 // problems of a tree so far
}

// MaxProblems is how many problems are kept of all files that are read together, warnings
// included: they take memory, and nobody reads so many.
const MaxProblems = 250_000

// Read is Load for who has several trees: without the check of manifests against each
// other, and with paths as display makes them of those of fsys. Links are not followed;
// one that is named like a manifest is a problem.
func (r Reader) Read(fsys fs.FS, root string, display func(string) string) (Tree, error) {
	names, problems, err := files(fsys, root, display)
	if err != nil {
		return Tree{}, err
	}
	below := make([]string, len(names)) // as seen from root
	for i, name := range names {
		below[i] = strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		if root == "." {
			below[i] = name
		}
	}
	r.spent, r.found = new(atomic.Int64), new(atomic.Int64)
	parts, between := r.parts(fsys, names, below, display)
	wrong := overmade(parts)
	if wrong != nil { // whose jobs were made is chance
		r.found.Store(0)
		parts, between = r.parts(fsys, names, below, display) // now of each matrix the first job only
		problems = append(problems, wrong...)
	}
	if r.found.Load() > MaxProblems {
		return Tree{}, crontopus.Errorf(crontopus.CodeTooLarge, "there are more than %d problems here", MaxProblems).
			WithHint("name a folder below it, or leave folders out with a line in %s", IgnoreFile)
	}
	tree := Tree{Problems: append(problems, between...), Files: names}
	for i := range parts {
		names[i] = display(names[i])
		tree.Documents = append(tree.Documents, parts[i].Documents...)
		tree.Alerting = append(tree.Alerting, parts[i].Alerting...)
		tree.Problems = append(tree.Problems, parts[i].Problems...)
		if wrong == nil { // else nothing was made
			tree.Made += parts[i].Made()
		}
	}
	return tree, nil
}

// parts reads the files, with all cores, and returns what each says, and what is wrong
// between their Defaults. below are their names as seen from the root.
func (r Reader) parts(fsys fs.FS, names, below []string, display func(string) string) ([]File, []crontopus.Problem) {
	parts := make([]File, len(names))
	between, _ := Settle(below, r.Above, func(which []int, scopes []*Scope) ([][]*Defaults, error) {
		var next atomic.Int64
		var workers sync.WaitGroup
		for range min(runtime.GOMAXPROCS(0), len(which)) {
			workers.Go(func() {
				for k := next.Add(1) - 1; k < int64(len(which)) && r.found.Load() <= MaxProblems; k = next.Add(1) - 1 {
					i := which[k]
					r.spent.Add(-int64(parts[i].Made())) // it is read again
					r.found.Add(-int64(len(parts[i].Problems)))
					parts[i] = r.read(fsys, names[i], display(names[i]), scopes[k])
					r.found.Add(int64(len(parts[i].Problems)))
				}
			})
		}
		workers.Wait()
		found := make([][]*Defaults, len(which))
		for k, i := range which {
			found[k] = parts[i].Defaults
		}
		return found, nil
	}) // what cannot be read is a problem, and no error
	return parts, between
}

func (r Reader) read(fsys fs.FS, name, shown string, scope *Scope) File {
	f, err := fsys.Open(name)
	if err != nil {
		return File{Problems: []crontopus.Problem{unreadable(shown, err)}}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return File{Problems: []crontopus.Problem{unreadable(shown, err)}}
	}
	return r.Decode(shown, data, scope)
}

// MaxBytes is more than any manifest has: nobody needs to read more of a file.
const MaxBytes = maxBytes + 1

func unreadable(name string, err error) crontopus.Problem {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err // the file is named already
	}
	return crontopus.Problem{File: name, Code: CodeUnreadable,
		Message: fmt.Sprintf("this cannot be read: %v", err), Hint: cmp.Or(crontopus.ErrorHint(err), "check its permissions")}
}
