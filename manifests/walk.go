package manifests

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// maxFiles bounds what is read of one folder, as a source is bounded.
const maxFiles = 200_000

// maxFolders bounds how deep folders lie in each other.
const maxFolders = 100

// files lists the files to read under root, in order. A folder below it that cannot be read
// is a problem among the others.
func files(fsys fs.FS, root string, display func(string) string) (names []string, problems []crontopus.Problem, err error) {
	w := walk{fsys: fsys, display: display}
	err = w.folder(root, "", 0)
	return w.names, w.problems, err
}

// walk goes through a tree. It keeps the names of what is read and of one folder for each
// level, however much else there is.
type walk struct {
	fsys     fs.FS
	display  func(string) string
	ignore   Ignore
	names    []string
	problems []crontopus.Problem
}

// folder lists a folder, called rel as seen from the root, and those in it.
func (w *walk) folder(name, rel string, depth int) error {
	if depth > maxFolders {
		return crontopus.Errorf(CodeTooComplex, "%s lies in more than %d folders", w.display(name), maxFolders).
			WithHint("leave folders out with a line in %s", IgnoreFile)
	}
	entries, err := w.list(name)
	if _, tooMany := errors.AsType[*crontopus.Error](err); err != nil && depth > 0 && !tooMany {
		w.problems = append(w.problems, unreadable(w.display(name), err))
		return nil
	}
	if err != nil {
		return err
	}
	rules, err := readRules(w.fsys, name)
	if err != nil {
		w.problems = append(w.problems, unreadable(w.display(path.Join(name, IgnoreFile)), err))
		return nil
	}
	w.ignore.Add(rel, rules)
	for _, entry := range entries {
		if err := w.entry(path.Join(name, entry.name), path.Join(rel, entry.name), entry.kind, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(name, rel string, kind fs.FileMode, depth int) error {
	if w.ignore.Match(rel, kind.IsDir()) {
		return nil
	}
	switch {
	case kind.IsDir():
		return w.folder(name, rel, depth+1)
	case !kind.IsRegular():
		w.problems = append(w.problems, crontopus.Problem{File: w.display(name), Code: CodeUnreadable,
			Message: "this is not a regular file; links are not followed", Hint: "put the file itself here"})
	default:
		w.names = append(w.names, name)
	}
	return w.bounded(len(w.names))
}

func (w *walk) bounded(files int) error {
	if files <= maxFiles {
		return nil
	}
	return crontopus.Errorf(crontopus.CodeTooLarge, "there are more than %d manifests here", maxFiles).
		WithHint("name a folder below it, or leave folders out with a line in %s", IgnoreFile)
}

// listed is what is of interest in a folder: a folder, or what is named like a manifest.
type listed struct {
	name string
	kind fs.FileMode
}

// list reads a folder in parts, so that what is of no interest is not kept.
func (w *walk) list(name string) (entries []listed, err error) {
	dir, err := w.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	reader, ok := dir.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a folder")}
	}
	for {
		const part = 512
		found, err := reader.ReadDir(part)
		for _, entry := range found {
			base := entry.Name()
			if entry.IsDir() && !strings.HasPrefix(base, ".") || !entry.IsDir() && Reads(base) {
				entries = append(entries, listed{base, entry.Type()})
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			break
		}
		if err := w.bounded(len(entries)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	return entries, nil
}
