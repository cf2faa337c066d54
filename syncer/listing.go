package syncer

import (
	"path"
	"slices"
	"strings"
	"sync"

	"crontopus.dev/crontopus"
)

// listings are the newest listings of sources: a child then tells only what differs.
type listings struct {
	mu    sync.Mutex
	files int
	byDir map[string]listed // by mirror
}

// listed is a listing of a request's repository. It is shared, and never changed.
type listed struct {
	url, branch, path string
	listing           *listing
}

func newListings() *listings { return &listings{byDir: map[string]listed{}} }

// of returns the listing of the request's commit in force, nil if it is not here.
func (k *listings) of(q fetchRequest) *listing {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.byDir[q.Mirror]
	if known.listing == nil || known.listing.Commit.Hash != q.Applied || (listed{q.URL, q.Branch, q.Path, known.listing}) != known {
		return nil
	}
	return known.listing
}

// add remembers a whole listing. All are forgotten when they would become too many.
func (k *listings) add(q fetchRequest, l *listing) {
	if l.Unchanged {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if was := k.byDir[q.Mirror].listing; was != nil {
		k.files -= len(was.Files)
	}
	if k.files += len(l.Files); k.files > 2*maxFiles {
		clear(k.byDir)
		k.files = len(l.Files)
	}
	kept := *l
	kept.Files = slices.Clone(l.Files)
	for i := range kept.Files {
		kept.Files[i].Change = 0
	}
	k.byDir[q.Mirror] = listed{q.URL, q.Branch, q.Path, &kept}
}

// join makes a listing that tells what differs from base a whole one.
func (l *listing) join(base *listing) error {
	gone := map[string]bool{}
	for _, name := range l.Gone {
		gone[name] = true
	}
	covered := func(name string) bool {
		for ; name != "."; name = path.Dir(name) {
			if gone[name] {
				return true
			}
		}
		return false
	}
	for _, file := range base.Files {
		if !covered(file.Path) {
			l.Files = append(l.Files, file)
		}
	}
	for _, entry := range base.Irregular {
		if !covered(entry.Path) {
			l.Irregular = append(l.Irregular, entry)
		}
	}
	names := 0
	for _, file := range l.Files {
		names += len(file.Path)
	}
	switch {
	case len(l.Files) > maxFiles:
		return tooManyFiles()
	case names > maxNames:
		return tooLongNames()
	}
	slices.SortFunc(l.Files, func(a, b listedFile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(l.Irregular, func(a, b irregular) int { return strings.Compare(a.Path, b.Path) })
	l.Differs, l.Gone = false, nil
	return nil
}

func tooManyFiles() *failure {
	return stalled(crontopus.ReasonVerificationFailed, "the source's path holds more than %d files and folders; name a narrower path", maxFiles)
}

func tooLongNames() *failure {
	return stalled(crontopus.ReasonVerificationFailed, "the names of the files have more than %s together; name a narrower path", crontopus.Size(maxNames))
}
