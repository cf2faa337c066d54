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

// walker lists a tree without touching a blob.
type walker struct {
	mirror  *mirror
	listing *listing
	entries int
	names   int // bytes of all paths
}

// folder lists one folder and what is below it. Names that begin with a dot are not read.
func (w *walker) folder(ctx context.Context, t *object.Tree, dir string, depth int) error {
	if depth > maxTreeDepth {
		return stalled(crontopus.ReasonVerificationFailed, "%s is more than %d folders deep", tidy(dir, 100), maxTreeDepth)
	}
	for _, entry := range t.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.entries++; w.entries > maxFiles {
			return stalled(crontopus.ReasonVerificationFailed, "the source's path holds more than %d files and folders; name a narrower path", maxFiles)
		}
		if w.names += len(dir) + len(entry.Name); w.names > maxNames {
			return stalled(crontopus.ReasonVerificationFailed, "the names of the files have more than %s together; name a narrower path", crontopus.Size(maxNames))
		}
		if strings.HasPrefix(entry.Name, ".") && entry.Name != manifests.IgnoreFile {
			continue
		}
		if err := w.entry(ctx, entry, path.Join(dir, entry.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(ctx context.Context, entry object.TreeEntry, name string, depth int) error {
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
		return w.folder(ctx, tree, name, depth+1)
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
