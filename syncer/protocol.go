package syncer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"crontopus.dev/crontopus"
)

// The fetch child speaks frames on stdin and stdout: one byte of kind, four bytes of
// length (big endian), payload. Neither side trusts the other's lengths.
//
//	parent → child   request   JSON; the first frame
//	child → parent   listing   JSON: the commit, its manifests' blob hashes, who changed them
//	parent → child   want      20-byte blob hashes, those that the parent has not decoded yet
//	child → parent   blob      20-byte hash and content, or
//	                 oversize  20-byte hash and 8 bytes of size, in the order of want
//	child → parent   failed    JSON of a failure; instead of any of the above, and the last
//
// After the last blob the child waits for another want; the parent ends it by closing
// its stdin, at any time.
const (
	kindRequest  = 'R'
	kindListing  = 'L'
	kindWant     = 'W'
	kindBlob     = 'B'
	kindOversize = 'O'
	kindFailed   = 'F'
)

// Limits of the protocol, and of what a repository may hold.
const (
	maxFiles     = 200_000
	maxTreeDepth = 64
	maxPathBytes = 1024
	maxBlob      = 1 << 20  // a manifest has at most 256 KiB; larger ones are described, not read
	maxNames     = 32 << 20 // bytes of all paths
	maxBytes     = 1 << 30  // of one download, and of the blobs read in one sync

	maxRequest = 1 << 20
	maxListing = 128 << 20
	maxWant    = maxFiles * hashSize
	maxFailure = 1 << 20
	hashSize   = 20
)

// blobHash is the SHA-1 by which Git knows a blob.
type blobHash [hashSize]byte

// MarshalText writes hex.
func (h blobHash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads hex.
func (h *blobHash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(hashSize) {
		return fmt.Errorf("%d characters where a SHA-1 should be", len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// fetchRequest is all that the child is told. Credentials travel here only: never in an
// argument, the environment or a log.
type fetchRequest struct {
	Source           string         `json:"source"` // its name, to be named in messages
	URL              string         `json:"url"`
	Branch           string         `json:"branch"`
	Path             string         `json:"path"`
	Mirror           string         `json:"mirror"` // folder of the bare repository
	Username         string         `json:"username,omitempty"`
	Password         string         `json:"password,omitempty"`
	SSHKey           string         `json:"sshKey,omitempty"`
	KnownHosts       string         `json:"knownHosts,omitempty"`
	AllowNetworks    []netip.Prefix `json:"allowNetworks,omitempty"`
	AllowFileSources bool           `json:"allowFileSources,omitempty"`
	Applied          string         `json:"applied,omitempty"` // commit in force: changes are told since it
	Known            bool           `json:"known,omitempty"`   // the parent has the listing of Applied: what differs is enough
	Limits           FetchLimits    `json:"limits"`            // that the child sets for itself first
	Settled          bool           `json:"settled,omitempty"` // if the head, or Pin, is Applied, nothing else is of interest
	Pin              string         `json:"pin,omitempty"`     // the commit, or the beginning of its hash, that is wanted instead of the head
	Seen             string         `json:"seen,omitempty"`    // the head when Pin was last looked at
}

// anew is the command that gives the source other credentials, less its flags.
func (q *fetchRequest) anew() string { return credentialsAnew(q.Source) }

func credentialsAnew(source string) string { return "crontopus sources credentials " + source }

// listing is what a commit says, without its blobs.
type listing struct {
	Commit      crontopus.Commit   `json:"commit"`
	ListedAt    time.Time          `json:"listedAt"`            // when the branch's head was known
	Unchanged   bool               `json:"unchanged,omitempty"` // the head is Applied; nothing was read
	PathMissing bool               `json:"pathMissing,omitempty"`
	Rewritten   bool               `json:"rewritten,omitempty"` // history does not descend from what was fetched before
	Differs     bool               `json:"differs,omitempty"`   // Files and Irregular are only what Applied has not alike
	Gone        []string           `json:"gone,omitempty"`      // files and folders of Applied that are not there any more, or otherwise
	Files       []listedFile       `json:"files"`
	Changes     []crontopus.Commit `json:"changes,omitempty"`
	Irregular   []irregular        `json:"irregular,omitempty"`
	Fetched     bool               `json:"fetched,omitempty"` // objects were downloaded

	Pin *crontopus.PinStatus `json:"pin,omitempty"` // where the branch is beside Commit, if anything new is known of it
}

// listedFile is a manifest, or a .crontopusignore. Change is the index in Changes, plus
// one, of the commit that last changed it; 0: not changed since Applied.
type listedFile struct {
	Path   string   `json:"path"` // below the source's path
	Hash   blobHash `json:"hash"`
	Change int      `json:"change,omitempty"`
}

// irregular is an entry of the tree that is no regular file and no folder.
type irregular struct {
	Path string `json:"path"` // below the source's path
	What string `json:"what"`
}

func writeFrame(w io.Writer, kind byte, parts ...[]byte) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	header := [5]byte{kind}
	binary.BigEndian.PutUint32(header[1:], uint32(size)) //nolint:gosec // every limit is far below 4 GiB
	if _, err := w.Write(header[:]); err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, kind byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, data)
}

// readFrame reads one frame of a kind that limits names, no longer than it says.
func readFrame(r io.Reader, limits map[byte]uint32) (kind byte, payload []byte, err error) {
	var header [5]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	kind, size := header[0], binary.BigEndian.Uint32(header[1:])
	limit, known := limits[kind]
	if !known {
		return 0, nil, fmt.Errorf("unexpected frame of kind %q", kind)
	}
	if size > limit {
		return 0, nil, fmt.Errorf("frame of kind %q has %d bytes, more than %d", kind, size, limit)
	}
	// Grows with what arrives: a length alone makes nobody allocate.
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(size)); err != nil {
		return 0, nil, noEOF(err)
	}
	return kind, b.Bytes(), nil
}

// noEOF: the end of the stream inside a frame is not a clean end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
