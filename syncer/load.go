package syncer

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// loaded is a revision's manifests, and everything that is wrong with them.
type loaded struct {
	docs     []manifests.Document
	digests  []string // of each doc's job
	problems []crontopus.Problem
	changes  map[string]crontopus.Commit // by file: who changed it since the revision in force
	decoded  int                         // blobs that were not in the cache
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
	blobs, fresh, err := s.decode(ctx, child, root, files)
	if err != nil {
		return nil, err
	}
	result.decoded = fresh
	result.docs, result.digests = make([]manifests.Document, 0, len(files)), make([]string, 0, len(files))
	for i, file := range files {
		name := path.Join(root, file.Path)
		said := blobs[i].at(name)
		result.docs, result.digests = append(result.docs, said.docs...), append(result.digests, said.digests...)
		result.problems = append(result.problems, said.problems...)
		if file.Change > 0 {
			result.changes[name] = l.Changes[file.Change-1]
		}
	}
	return result, nil
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

// decode finds what each file says, in the cache or, with all cores, from its blob, and how many
// blobs were not in the cache.
func (s *Syncer) decode(ctx context.Context, child *fetchChild, root string, files []listedFile) (said []decoded, fresh int, err error) {
	said = make([]decoded, len(files))
	missing := map[blobHash][]int{} // the files that have it
	var want []blobHash
	for i, file := range files {
		var known bool
		if said[i], known = s.cache.get(file.Hash); known {
			continue
		}
		if missing[file.Hash] == nil {
			want = append(want, file.Hash)
		}
		missing[file.Hash] = append(missing[file.Hash], i)
	}
	type blob struct {
		hash blobHash
		data []byte
		size uint64
	}
	queue := make(chan blob, 64)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(want)) {
		workers.Go(func() {
			for b := range queue {
				places := missing[b.hash]
				d := decodeBlob(b.data, b.size).at(path.Join(root, files[places[0]].Path))
				s.cache.add(b.hash, len(b.data), d)
				for _, i := range places { // which are nobody else's
					said[i] = d
				}
			}
		})
	}
	err = child.blobs(want, func(hash blobHash, data []byte, size uint64) error {
		select {
		case queue <- blob{hash, data, size}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(queue)
	workers.Wait()
	return said, len(want), err
}

// decodeBlob decodes a blob without a name; decoded.at gives it one. No data for a size
// means that the child did not read it.
func decodeBlob(data []byte, size uint64) decoded {
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
	docs, problems := manifests.Decode("", data)
	digests := make([]string, len(docs))
	for i, doc := range docs {
		digests[i] = doc.Job.Digest()
	}
	return decoded{docs: docs, digests: digests, problems: problems}
}
