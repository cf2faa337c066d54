package manifests

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
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
	Problems  []crontopus.Problem
	Files     []string // that were read, in order
}

// Load reads every manifest under root (slash-separated; "." is all of fsys), with all
// cores, and checks them against each other. Paths are those of fsys; problems are ordered
// by file and place. The error is for a root that cannot be walked.
func Load(fsys fs.FS, root string) ([]Document, []crontopus.Problem, error) {
	tree, err := Reader{}.Read(fsys, root, func(name string) string { return name })
	if err != nil {
		return nil, nil, err
	}
	problems := append(tree.Problems, Check(tree.Documents)...)
	Sort(problems)
	return tree.Documents, problems, nil
}

// Reader reads manifests and has each that is right inspected.
type Reader struct {
	Inspect Inspector // nil: nobody looks
}

// Read is Load for who has several trees: without the check of manifests against each
// other, and with paths as display makes them of those of fsys. Links are not followed;
// one that is named like a manifest is a problem.
func (r Reader) Read(fsys fs.FS, root string, display func(string) string) (Tree, error) {
	names, problems, err := files(fsys, root, display)
	if err != nil {
		return Tree{}, err
	}
	parts := make([]Tree, len(names))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				parts[i] = r.read(fsys, names[i], display(names[i]))
			}
		})
	}
	workers.Wait()
	tree := Tree{Problems: problems, Files: names}
	for i, part := range parts {
		names[i] = display(names[i])
		tree.Documents = append(tree.Documents, part.Documents...)
		tree.Problems = append(tree.Problems, part.Problems...)
	}
	return tree, nil
}

func (r Reader) read(fsys fs.FS, name, shown string) (part Tree) {
	f, err := fsys.Open(name)
	if err == nil {
		defer f.Close()
		part.Documents, part.Problems, err = r.DecodeFrom(shown, f)
	}
	if err != nil {
		part.Problems = []crontopus.Problem{unreadable(shown, err)}
	}
	return part
}

// DecodeFrom is Decode for what is still to be read. It takes no more of it than Decode
// would look at.
func (r Reader) DecodeFrom(file string, from io.Reader) ([]Document, []crontopus.Problem, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	docs, problems := decode(file, data, r.Inspect)
	return docs, problems, nil
}

func unreadable(name string, err error) crontopus.Problem {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err // the file is named already
	}
	return crontopus.Problem{File: name, Code: CodeUnreadable,
		Message: fmt.Sprintf("this cannot be read: %v", err), Hint: "check its permissions"}
}
