package syncer

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// loaded is a revision's manifests, and everything that is wrong with them.
type loaded struct {
	docs     []manifests.Document
	digests  []string // of each doc's job
	alerting []manifests.Alerting
	problems []crontopus.Problem
	changes  map[string]crontopus.Commit // by file: who changed it since the revision in force
	decoded  int                         // blobs that were not in the cache
	text     int                         // bytes of what the jobs say
	links    bool                        // something that is no regular file is among the problems
}

// load reads the listed files, those below root in the repository. Blobs that the cache
// knows are not fetched again.
func (s *Syncer) load(ctx context.Context, child *fetchChild, l *listing, root string) (*loaded, error) {
	ignore, err := readIgnores(child, l)
	if err != nil {
		return nil, err
	}
	result := &loaded{changes: map[string]crontopus.Commit{}}
	for _, entry := range l.Irregular {
		if !ignore.Match(entry.Path, false) {
			result.links = true
			result.problems = append(result.problems, problemOf(path.Join(root, entry.Path), entry.What))
		}
	}
	files := slices.DeleteFunc(slices.Clone(l.Files), func(f listedFile) bool {
		return path.Base(f.Path) == manifests.IgnoreFile || ignore.Match(f.Path, false)
	})
	r := &reading{Syncer: s, child: child, root: root, files: files, said: make([]decoded, len(files)), fresh: map[blobHash]bool{}}
	between, err := r.settle(ctx)
	if err != nil {
		return nil, err
	}
	result.decoded, result.problems, result.text = len(r.fresh), append(result.problems, between...), r.spent.spent.text
	result.docs, result.digests = make([]manifests.Document, 0, len(files)), make([]string, 0, len(files))
	for i, file := range files {
		name := path.Join(root, file.Path)
		said := r.said[i].at(name)
		result.docs, result.digests = append(result.docs, said.docs...), append(result.digests, said.digests...)
		result.alerting, result.problems = append(result.alerting, said.alerting...), append(result.problems, said.problems...)
		if file.Change > 0 {
			result.changes[name] = l.Changes[file.Change-1]
		}
	}
	return result, nil
}

// changedBy is the newest of the commits that changed a job's file, or one with Defaults for
// it, since the revision in force.
func (l *loaded) changedBy(doc *manifests.Document) (newest crontopus.Commit, told bool) {
	newest, told = l.changes[doc.Path]
	for _, defaults := range doc.Defaults() {
		if commit, changed := l.changes[defaults.Path]; changed && (!told || commit.At.After(newest.At)) {
			newest, told = commit, true
		}
	}
	return newest, told
}

func problemOf(file, what string) crontopus.Problem {
	return crontopus.Problem{File: file, Code: manifests.CodeUnreadable,
		Message: "this " + what + "; only regular files are read",
		Hint:    "put the file itself here, or list it in " + manifests.IgnoreFile}
}

// readIgnores reads the files that keep others out, the outer ones first.
func readIgnores(child *fetchChild, l *listing) (*manifests.Ignore, error) {
	var found []listedFile
	for _, file := range l.Files {
		if path.Base(file.Path) == manifests.IgnoreFile {
			found = append(found, file)
		}
	}
	slices.SortFunc(found, func(a, b listedFile) int {
		return cmp.Or(cmp.Compare(strings.Count(a.Path, "/"), strings.Count(b.Path, "/")), strings.Compare(a.Path, b.Path))
	})
	want := make([]blobHash, len(found))
	for i, file := range found {
		want[i] = file.Hash
	}
	ignore, next := &manifests.Ignore{}, 0
	return ignore, child.blobs(want, func(_ blobHash, data []byte, _ uint64) error {
		folder := strings.TrimSuffix(path.Dir(found[next].Path), ".")
		ignore.Add(folder, data)
		next++
		return nil
	})
}

// decodeBlob decodes a blob without a name; decoded.at gives it one. No data for a size
// means that the child did not read it.
func decodeBlob(data []byte, size uint64, scope *manifests.Scope) decoded {
	if uint64(len(data)) != size {
		return decoded{problems: []crontopus.Problem{{
			Line: 1, Column: 1, Code: manifests.CodeTooLarge,
			Message: fmt.Sprintf("the file has %d bytes; a manifest has at most 256 KiB", size),
			Hint:    "split it into several files",
		}}}
	}
	if bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) {
		return decoded{problems: []crontopus.Problem{{
			Line: 1, Column: 1, Code: manifests.CodeUnreadable,
			Message: "this is a Git LFS pointer; the file itself is not in the repository",
			Hint:    "keep manifests out of Git LFS: git lfs untrack, and commit the file again",
		}}}
	}
	file := manifests.Reader{}.Decode("", data, scope)
	digests := make([]string, len(file.Documents))
	for i, doc := range file.Documents {
		digests[i] = doc.Job.Digest()
	}
	d := decoded{docs: file.Documents, digests: digests, alerting: file.Alerting, defaults: file.Defaults, problems: file.Problems}
	d.cost = costOf(len(data), &d)
	return d
}
