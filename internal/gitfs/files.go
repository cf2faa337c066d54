package gitfs

import (
	"bytes"
	"cmp"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Open opens a file or folder of the commit. Links are not followed.
func (f *FS) Open(name string) (fs.File, error) {
	n, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.children != nil {
		return &openFolder{node: n}, nil
	}
	if !n.mode.IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.blobs.read(n.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{node: n, Reader: bytes.NewReader(data)}, nil
}

// ReadDir lists a folder of the commit by name.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if n.children == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	return n.entries(), nil
}

// Stat describes a file or folder of the commit.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	n, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return info{n}, nil
}

func (f *FS) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	at := f.root
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		next := at.children[part]
		if next == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		at = next
	}
	return at, nil
}

func (n *node) entries() []fs.DirEntry {
	list := slices.SortedFunc(maps.Values(n.children), func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	entries := make([]fs.DirEntry, len(list))
	for i, child := range list {
		entries[i] = fs.FileInfoToDirEntry(info{child})
	}
	return entries
}

// info describes a node. Git keeps no times, and its listing no sizes.
type info struct{ *node }

func (i info) Name() string       { return path.Base(i.name) }
func (i info) Size() int64        { return 0 }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type openFile struct {
	node *node
	*bytes.Reader
}

func (o *openFile) Stat() (fs.FileInfo, error) { return info{o.node}, nil }
func (o *openFile) Close() error               { return nil }

type openFolder struct {
	node *node
	at   int
}

func (o *openFolder) Stat() (fs.FileInfo, error) { return info{o.node}, nil }
func (o *openFolder) Close() error               { return nil }

func (o *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.node.name, Err: fs.ErrInvalid}
}

// ReadDir returns the next n entries, or all that are left for n ≤ 0.
func (o *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := o.node.entries()[o.at:]
	if n <= 0 {
		o.at += len(rest)
		return rest, nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	rest = rest[:min(n, len(rest))]
	o.at += len(rest)
	return rest, nil
}
