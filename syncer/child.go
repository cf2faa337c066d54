package syncer

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"crontopus.dev/crontopus"
)

// errParentGone ends a child whose stdin was closed.
var errParentGone = errors.New("syncer: the parent closed the fetch child's stdin")

// ServeFetch is the fetch child: it reads one request from in, fetches, and answers on out
// as protocol.go says, until in ends. It returns as soon as in or ctx ends, even in the
// middle of work, so that the process that called it exits. A process serves one fetch.
func ServeFetch(ctx context.Context, in io.Reader, out io.Writer) error {
	_, payload, err := readFrame(in, map[byte]uint32{kindRequest: maxRequest})
	if err != nil {
		return err
	}
	var q fetchRequest
	if err := json.Unmarshal(payload, &q); err != nil {
		return err
	}
	if err := q.Limits.apply(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	wants := make(chan []blobHash)
	go func() { cancel(readWants(ctx, in, wants)) }()
	done := make(chan error, 1)
	go func() { done <- answer(ctx, q, wants, out) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if errors.Is(err, errParentGone) {
		return nil
	}
	return err
}

// readWants passes on what the parent wants until in ends, and returns why it did.
func readWants(ctx context.Context, in io.Reader, wants chan<- []blobHash) error {
	for {
		_, payload, err := readFrame(in, map[byte]uint32{kindWant: maxWant})
		switch {
		case errors.Is(err, io.EOF):
			return errParentGone
		case err != nil:
			return err
		}
		want := make([]blobHash, len(payload)/hashSize)
		for i := range want {
			copy(want[i][:], payload[i*hashSize:])
		}
		select {
		case wants <- want:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// answer does the work. A failure of the work is told to the parent; what is returned is
// that the parent could not be told.
func answer(ctx context.Context, q fetchRequest, wants <-chan []blobHash, out io.Writer) error {
	w := bufio.NewWriterSize(out, 256<<10)
	err := serve(ctx, q, wants, w)
	if f, ok := errors.AsType[*failure](err); ok {
		err = writeJSON(w, kindFailed, f)
	}
	return errors.Join(err, w.Flush())
}

func serve(ctx context.Context, q fetchRequest, wants <-chan []blobHash, w *bufio.Writer) error {
	m, err := newMirror(q)
	if err != nil {
		return err
	}
	defer m.close()
	l, err := m.list(ctx)
	if err != nil {
		return m.explain(err)
	}
	if err := errors.Join(writeJSON(w, kindListing, l), w.Flush()); err != nil {
		return err
	}
	read := int64(0)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case want := <-wants:
			for _, hash := range want {
				if err := m.sendBlob(w, hash, &read); err != nil {
					return err
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

// list brings the mirror up to date and reads the tree. Objects that are missing, as go-git
// leaves them after a rewritten history met a shallow boundary, are fetched afresh.
func (m *mirror) list(ctx context.Context) (*listing, error) {
	head, err := m.remoteHead(ctx)
	if err != nil {
		return nil, err
	}
	m.listed = time.Now().UTC()
	if m.q.Settled && (m.q.Pin == "" && head.String() == m.q.Applied || m.q.Pin == m.q.Applied && head.String() == m.q.Seen) {
		return &listing{Commit: crontopus.Commit{Hash: m.q.Applied}, ListedAt: m.listed, Unchanged: true}, nil
	}
	if err := m.update(ctx, head); err != nil {
		return nil, err
	}
	l, err := m.look(ctx)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		if err := m.rewrite(ctx); err != nil {
			return nil, err
		}
		l, err = m.look(ctx)
	}
	return l, err
}

// read lists a commit.
func (m *mirror) read(ctx context.Context, at plumbing.Hash) (*listing, error) {
	commit, err := m.commit(at)
	if err != nil {
		return nil, err
	}
	l := &listing{Commit: describe(commit), ListedAt: m.listed, Files: []listedFile{}, Fetched: m.fetched, Rewritten: m.rewritten}
	tree, err := m.treeAt(commit, m.q.Path)
	if err != nil {
		return nil, err
	}
	if tree == nil {
		l.PathMissing = true
		return l, nil
	}
	walk, base := walker{mirror: m, listing: l}, m.base()
	l.Differs = base != nil
	if err := walk.folder(ctx, tree, base, "", 0); err != nil {
		return nil, err
	}
	return l, m.blame(ctx, commit, l)
}

// sendBlob answers one wanted hash; its size is looked at before its content.
func (m *mirror) sendBlob(w io.Writer, hash blobHash, read *int64) error {
	size, err := m.store.EncodedObjectSize(plumbing.Hash(hash))
	if err != nil {
		return transient("blob %s is not in the repository any more: %s", plumbing.Hash(hash), err)
	}
	if size > maxBlob {
		return writeFrame(w, kindOversize, hash[:], binary.BigEndian.AppendUint64(nil, uint64(size))) //nolint:gosec // positive
	}
	if *read += size; *read > maxBytes {
		return stalled(crontopus.ReasonVerificationFailed, "the manifests have more than %s together", crontopus.Size(maxBytes))
	}
	blob, err := object.GetBlob(m.store, plumbing.Hash(hash))
	if err != nil {
		return transient("cannot read blob %s: %s", plumbing.Hash(hash), err)
	}
	r, err := blob.Reader()
	if err != nil {
		return transient("cannot read blob %s: %s", plumbing.Hash(hash), err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxBlob+1))
	if err = errors.Join(err, r.Close()); err != nil || int64(len(data)) != size {
		return transient("cannot read blob %s: %d of %d bytes: %v", plumbing.Hash(hash), len(data), size, err)
	}
	return writeFrame(w, kindBlob, hash[:], data)
}

// cleanPath is a source's path as a tree walk needs it: "" for the root, no "." or "..".
func cleanPath(p string) string {
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}
