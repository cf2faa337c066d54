package syncer

import (
	"context"
	"errors"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// treeAt returns the commit's tree at a path, nil if there is none.
func (m *mirror) treeAt(c *object.Commit, dir string) (*object.Tree, error) {
	tree, err := m.tree(c.TreeHash)
	if err != nil || dir == "" {
		return tree, err
	}
	for name := range strings.SplitSeq(dir, "/") {
		entry := find(tree, name)
		switch {
		case entry == nil:
			return nil, nil
		case entry.Mode != filemode.Dir:
			return nil, stalled(crontopus.ReasonVerificationFailed, "the source's path %s is no folder; name the folder that holds the manifests", dir)
		}
		if tree, err = m.tree(entry.Hash); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

func find(t *object.Tree, name string) *object.TreeEntry {
	for i := range t.Entries {
		if t.Entries[i].Name == name {
			return &t.Entries[i]
		}
	}
	return nil
}

// base returns the tree of the commit in force where the parent has its listing, nil if it is
// not here.
func (m *mirror) base() *object.Tree {
	if !m.q.Known {
		return nil
	}
	commit, err := m.commit(plumbing.NewHash(m.q.Applied))
	if err != nil {
		return nil
	}
	tree, err := m.treeAt(commit, m.q.Path)
	if err != nil {
		return nil
	}
	return tree
}

// walker lists a tree without touching a blob.
type walker struct {
	mirror  *mirror
	listing *listing
	entries int
	names   int // bytes of all paths
}

// folder lists one folder and what is below it, but for what base has alike; there may be no
// base. Names that begin with a dot are not read.
func (w *walker) folder(ctx context.Context, t, base *object.Tree, dir string, depth int) error {
	if depth > maxTreeDepth {
		return stalled(crontopus.ReasonVerificationFailed, "%s is more than %d folders deep", tidy(dir, 100), maxTreeDepth)
	}
	before := map[string]object.TreeEntry{}
	if base != nil {
		for _, entry := range base.Entries {
			before[entry.Name] = entry
		}
	}
	for _, entry := range t.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.entries++; w.entries > maxFiles {
			return tooManyFiles()
		}
		if w.names += len(dir) + len(entry.Name); w.names > maxNames {
			return tooLongNames()
		}
		old, existed := before[entry.Name]
		delete(before, entry.Name)
		if existed && old == entry || strings.HasPrefix(entry.Name, ".") && entry.Name != manifests.IgnoreFile {
			continue
		}
		if existed && (old.Mode != filemode.Dir || entry.Mode != filemode.Dir) {
			w.gone(dir, entry.Name)
		}
		if err := w.entry(ctx, entry, old, path.Join(dir, entry.Name), depth); err != nil {
			return err
		}
	}
	for name := range before {
		w.gone(dir, name)
	}
	return nil
}

// gone notes that what was listed under a name no longer is what is there.
func (w *walker) gone(dir, name string) {
	w.listing.Gone = append(w.listing.Gone, tidy(path.Join(dir, name), maxPathBytes))
}

// entry lists one entry that differs from the one that base has.
func (w *walker) entry(ctx context.Context, entry, old object.TreeEntry, name string, depth int) error {
	if strings.Contains(entry.Name, "/") || tidy(name, maxPathBytes) != name || !utf8.ValidString(name) {
		w.irregular(tidy(name, 100), "has a name that is too long or does not print")
		return nil
	}
	switch entry.Mode {
	case filemode.Dir:
		tree, err := w.mirror.tree(entry.Hash)
		if err != nil {
			return err
		}
		var base *object.Tree
		if old.Mode == filemode.Dir {
			if base, err = w.mirror.tree(old.Hash); err != nil {
				return err
			}
		}
		return w.folder(ctx, tree, base, name, depth+1)
	case filemode.Symlink:
		w.irregular(name, "is a symbolic link")
	case filemode.Submodule:
		w.irregular(name, "is a submodule")
	case filemode.Regular, filemode.Executable, filemode.Deprecated:
		if entry.Name != manifests.IgnoreFile && !manifests.Reads(name) {
			return nil
		}
		if err := w.mirror.store.HasEncodedObject(entry.Hash); err != nil {
			return errors.Join(err, plumbing.ErrObjectNotFound)
		}
		w.listing.Files = append(w.listing.Files, listedFile{Path: name, Hash: blobHash(entry.Hash)})
	default:
		w.irregular(name, "has a mode that Git does not know")
	}
	return nil
}

// irregular notes an entry that will be refused unless it is ignored.
func (w *walker) irregular(name, what string) {
	w.listing.Irregular = append(w.listing.Irregular, irregular{Path: name, What: what})
}
