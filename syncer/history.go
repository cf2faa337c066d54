package syncer

import (
	"context"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"crontopus.dev/crontopus"
)

// maxBlame is how many steps of history are looked at; what is unexplained then is put down
// to the oldest commits that were reached.
const maxBlame = 2000

// paths is a set of files below the source's path.
type paths map[string]struct{}

// blame finds, for each listed file that changed since the commit in force, the commit that
// changed it last, as git log does: a file that a commit has in common with a parent was not
// changed by it. Trees are compared by hash, so the cost follows the change.
func (m *mirror) blame(ctx context.Context, head *object.Commit, l *listing) error {
	changed, err := m.changedSince(m.q.Applied, head)
	if err != nil {
		return err
	}
	index, files := map[string]int{}, paths{}
	for i, file := range l.Files {
		if _, ok := changed[file.Path]; ok {
			index[file.Path], files[file.Path] = i, struct{}{}
		}
	}
	return m.attribute(ctx, head, files, func(c *object.Commit, names paths) {
		l.Changes = append(l.Changes, describe(c))
		for name := range names {
			l.Files[index[name]].Change = len(l.Changes)
		}
	})
}

// changedSince returns the files that differ from what the applied commit has, all of them if
// it is not here.
func (m *mirror) changedSince(applied string, head *object.Commit) (paths, error) {
	to, err := m.treeAt(head, m.q.Path)
	if err != nil {
		return nil, err
	}
	var from *object.Tree
	if before, err := m.commit(plumbing.NewHash(applied)); applied != "" && err == nil {
		if from, err = m.treeAt(before, m.q.Path); err != nil {
			from = nil // the commit in force may lie beyond what was fetched
		}
	}
	changed := paths{}
	return changed, m.diff(from, to, "", changed)
}

// attribute walks back from head and tells who changed which of the files.
func (m *mirror) attribute(ctx context.Context, head *object.Commit, files paths, tell func(*object.Commit, paths)) error {
	type step struct {
		commit *object.Commit
		files  paths // alike here and in head
	}
	steps := []step{{head, files}}
	for n := 0; len(steps) > 0; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := steps[0]
		steps = steps[1:]
		for _, hash := range m.parents(at.commit) {
			if n >= maxBlame || len(at.files) == 0 {
				break
			}
			parent, err := m.commit(hash)
			if err != nil {
				continue // beyond what was fetched
			}
			same, different, err := m.split(parent, at.commit, at.files)
			if err != nil {
				continue
			}
			if len(same) > 0 {
				steps = append(steps, step{parent, same})
			}
			at.files = different
		}
		if len(at.files) > 0 {
			tell(at.commit, at.files)
		}
	}
	return nil
}

// split divides files by whether the child has them in common with its parent.
func (m *mirror) split(parent, child *object.Commit, files paths) (same, different paths, err error) {
	from, err := m.treeAt(parent, m.q.Path)
	if err != nil {
		return nil, nil, err
	}
	to, err := m.treeAt(child, m.q.Path)
	if err != nil {
		return nil, nil, err
	}
	changed := paths{}
	if err := m.diff(from, to, "", changed); err != nil {
		return nil, nil, err
	}
	same, different = paths{}, paths{}
	for name := range files {
		if _, ok := changed[name]; ok {
			different[name] = struct{}{}
		} else {
			same[name] = struct{}{}
		}
	}
	return same, different, nil
}

// diff adds to changed the files of to that from does not have alike; either may be nil.
// Folders with one hash are skipped whole.
func (m *mirror) diff(from, to *object.Tree, dir string, changed paths) error {
	if to == nil {
		return nil
	}
	before := map[string]object.TreeEntry{}
	if from != nil {
		for _, entry := range from.Entries {
			before[entry.Name] = entry
		}
	}
	for _, entry := range to.Entries {
		old, existed := before[entry.Name]
		if existed && old.Hash == entry.Hash && old.Mode == entry.Mode {
			continue
		}
		name := path.Join(dir, entry.Name)
		if entry.Mode != filemode.Dir {
			changed[name] = struct{}{}
			continue
		}
		sub, err := m.tree(entry.Hash)
		if err != nil {
			return err
		}
		var oldSub *object.Tree
		if existed && old.Mode == filemode.Dir {
			if oldSub, err = m.tree(old.Hash); err != nil {
				return err
			}
		}
		if err := m.diff(oldSub, sub, name, changed); err != nil {
			return err
		}
	}
	return nil
}

// describe is what is kept of a commit; its text is anybody's.
func describe(c *object.Commit) crontopus.Commit {
	return crontopus.Commit{Hash: c.Hash.String(), Author: tidy(c.Author.Name, 100), Subject: tidy(c.Message, 200), At: c.Committer.When.UTC()}
}
