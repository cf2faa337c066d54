package syncer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"crontopus.dev/crontopus"
)

const (
	maxPacks     = 50       // each fetch adds one, and each one slows down every look-up
	maxAncestors = 100_000  // how far back the last head is looked for
	maxObject    = 64 << 20 // of a tree or commit
	objectCache  = 16 << 20 // bytes of objects that go-git keeps in memory

	rewrittenDepth = 100 // commits of a rewritten history that are fetched
)

// mirror is a bare repository with one branch of a source. It is a cache: whatever is
// wrong with it, a fresh one takes its place.
type mirror struct {
	q         fetchRequest
	branch    plumbing.ReferenceName
	remote    *httpRemote
	ssh       *sshRemote          // nil where the repository is fetched otherwise
	store     *filesystem.Storage // nil until update
	head      plumbing.Hash
	shallow   map[plumbing.Hash]bool // commits whose parents are not here
	listed    time.Time              // when the head was known
	fetched   bool                   // objects were downloaded
	rewritten bool                   // the new head does not descend from the one before
}

// newMirror checks the request once more: the child trusts nobody.
func newMirror(q fetchRequest) (*mirror, error) {
	opts := Options{AllowNetworks: q.AllowNetworks, AllowFileSources: q.AllowFileSources}
	if err := CheckURL(q.URL, opts); err != nil {
		return nil, asStalled(err)
	}
	q.Path = cleanPath(q.Path)
	m := &mirror{q: q, branch: plumbing.NewBranchReferenceName(q.Branch)}
	if err := m.branch.Validate(); err != nil {
		return nil, stalled(crontopus.ReasonFetchFailed, "%q cannot name a branch", q.Branch)
	}
	m.remote = q.install()
	if u, ok := crontopus.ParseSSH(q.URL); ok {
		var err error
		if m.ssh, err = q.newSSH(u, &m.remote.exceeded); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *mirror) close() {
	if m.store != nil {
		_ = m.store.Close() // read only from here on: nothing can be lost
	}
}

// remoteHead asks where the branch is. It costs one request and downloads no objects.
func (m *mirror) remoteHead(ctx context.Context) (plumbing.Hash, error) {
	refs, err := m.git(nil).ListContext(ctx, &git.ListOptions{Auth: m.auth(), ProxyOptions: m.ssh.proxyOptions()})
	if err != nil {
		return plumbing.ZeroHash, err
	}
	for _, ref := range refs {
		if ref.Name() == m.branch && ref.Type() == plumbing.HashReference {
			return ref.Hash(), nil
		}
	}
	return plumbing.ZeroHash, transient("the repository has no branch %s; push it, or add the source with another branch", m.q.Branch)
}

func (m *mirror) git(store *filesystem.Storage) *git.Remote {
	c := &config.RemoteConfig{Name: "origin", URLs: []string{m.q.URL}, Fetch: []config.RefSpec{m.refSpec()}}
	if store == nil {
		return git.NewRemote(nil, c)
	}
	return git.NewRemote(store, c)
}

func (m *mirror) refSpec() config.RefSpec {
	return config.RefSpec("+" + m.branch.String() + ":" + m.branch.String())
}

// update brings the mirror to the branch's head: with nothing to fetch, with the commits
// since the last fetch, or afresh.
func (m *mirror) update(ctx context.Context, want plumbing.Hash) error {
	err := m.open()
	switch {
	case err != nil:
		return m.fresh(ctx, 1) // none yet, or none that can be read
	case m.head == want:
		return nil
	case m.packs() > maxPacks, folderSize(m.q.Mirror) > maxBytes:
		return m.fresh(ctx, 1)
	}
	// Never with a depth: go-git would offer nothing of what it has and download everything.
	before := m.head
	if err := m.fetch(ctx, m.store, 0); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return m.fresh(ctx, 1)
	}
	if err := m.refresh(); err != nil {
		return m.fresh(ctx, 1)
	}
	if !m.descends(before) {
		return m.rewrite(ctx)
	}
	return nil
}

// rewrite fetches a branch afresh whose history does not lead to what was fetched before: the
// commits since then are not known, so enough of the new history comes along to tell who
// changed what.
func (m *mirror) rewrite(ctx context.Context) error {
	m.rewritten = true
	return m.fresh(ctx, rewrittenDepth)
}

// fresh fetches the newest commits into a new folder, which then takes the mirror's place. The
// moment between the two renames needs no care: without a mirror the next fetch is fresh.
func (m *mirror) fresh(ctx context.Context, depth int) error {
	m.close()
	m.store = nil
	next := replacement(m.q.Mirror)
	if err := errors.Join(os.RemoveAll(next), os.MkdirAll(next, 0o700)); err != nil {
		return err
	}
	store := openStore(next)
	_, err := git.Init(store, nil)
	if err == nil {
		err = m.fetch(ctx, store, depth)
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(m.q.Mirror), os.Rename(next, m.q.Mirror)); err != nil {
		return err
	}
	return m.open()
}

func (m *mirror) fetch(ctx context.Context, store *filesystem.Storage, depth int) error {
	m.fetched = true
	err := m.git(store).FetchContext(ctx, &git.FetchOptions{
		RefSpecs: []config.RefSpec{m.refSpec()}, Depth: depth, Auth: m.auth(), ProxyOptions: m.ssh.proxyOptions(),
		Tags: git.NoTags, Force: true,
	})
	if errors.Is(err, git.NoErrAlreadyUpToDate) {
		return nil
	}
	return err
}

// open opens the mirror and finds its head.
func (m *mirror) open() error {
	if _, err := os.Stat(filepath.Join(m.q.Mirror, "HEAD")); err != nil {
		return err
	}
	halves, _ := filepath.Glob(filepath.Join(m.q.Mirror, "objects", "pack", "tmp_*")) // of a fetch that was stopped
	for _, half := range halves {
		_ = os.Remove(half) // it is in nobody's way, and the disk limit counts it
	}
	m.store = openStore(m.q.Mirror)
	return m.refresh()
}

func openStore(dir string) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(dir, osfs.WithBoundOS()), cache.NewObjectLRU(objectCache),
		filesystem.Options{KeepDescriptors: true})
}

// refresh reads the head and the shallow boundary.
func (m *mirror) refresh() error {
	ref, err := m.store.Reference(m.branch)
	if err != nil {
		return err
	}
	boundary, err := m.store.Shallow()
	if err != nil {
		return err
	}
	m.head, m.shallow = ref.Hash(), map[plumbing.Hash]bool{}
	for _, hash := range boundary {
		m.shallow[hash] = true
	}
	return nil
}

func (m *mirror) packs() int {
	found, _ := filepath.Glob(filepath.Join(m.q.Mirror, "objects", "pack", "*.pack")) // the pattern is well formed
	return len(found)
}

// descends reports whether the head has the commit among its ancestors, and every commit
// on the way is here.
func (m *mirror) descends(ancestor plumbing.Hash) bool {
	seen := map[plumbing.Hash]bool{m.head: true}
	for queue := []plumbing.Hash{m.head}; len(queue) > 0 && len(seen) < maxAncestors; queue = queue[1:] {
		if queue[0] == ancestor {
			return true
		}
		commit, err := m.commit(queue[0])
		if err != nil {
			return false
		}
		for _, parent := range m.parents(commit) {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return false
}

// parents returns the commit's parents, none at the shallow boundary.
func (m *mirror) parents(c *object.Commit) []plumbing.Hash {
	if m.shallow[c.Hash] {
		return nil
	}
	return c.ParentHashes
}

func (m *mirror) commit(hash plumbing.Hash) (*object.Commit, error) {
	if err := m.bounded(hash); err != nil {
		return nil, err
	}
	return object.GetCommit(m.store, hash)
}

func (m *mirror) tree(hash plumbing.Hash) (*object.Tree, error) {
	if err := m.bounded(hash); err != nil {
		return nil, err
	}
	return object.GetTree(m.store, hash)
}

// bounded checks an object's size before it is read.
func (m *mirror) bounded(hash plumbing.Hash) error {
	size, err := m.store.EncodedObjectSize(hash)
	if err != nil {
		return err
	}
	if size > maxObject {
		return stalled(crontopus.ReasonVerificationFailed, "object %s has %d bytes, more than a tree or commit may have", hash, size)
	}
	return nil
}
