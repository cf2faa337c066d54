package syncer

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

var everyKind = map[byte]uint32{
	kindRequest: maxRequest, kindListing: maxListing, kindWant: maxWant,
	kindBlob: hashSize + maxBlob, kindOversize: hashSize + 8, kindFailed: maxFailure,
}

func TestFramesComeBack(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, writeFrame(&b, kindBlob, []byte("ab"), nil, []byte("cd")))
	require.NoError(t, writeJSON(&b, kindFailed, transient("no")))
	kind, payload, err := readFrame(&b, everyKind)
	require.NoError(t, err)
	require.Equal(t, "Babcd", string(kind)+string(payload))
	kind, payload, err = readFrame(&b, everyKind)
	require.NoError(t, err)
	require.Equal(t, byte(kindFailed), kind)
	require.JSONEq(t, `{"reason":"FetchFailed","stalled":false,"message":"no"}`, string(payload))
	_, _, err = readFrame(&b, everyKind)
	require.ErrorIs(t, err, io.EOF)
}

func TestFramesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ frame, message string }{
		"another kind":         {"Z\x00\x00\x00\x00", "unexpected"},
		"too long":             {"R\xff\xff\xff\xff", "more than"},
		"cut in the header":    {"R\x00", "unexpected EOF"},
		"cut in the payload":   {"R\x00\x00\x00\x05abc", "unexpected EOF"},
		"nothing but a header": {"L\x08\x00\x00\x00", "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readFrame(strings.NewReader(c.frame), everyKind)
			require.ErrorContains(t, err, c.message)
		})
	}
}

func TestListingsThatNoHonestChildSends(t *testing.T) {
	require.Error(t, (&listing{Files: []listedFile{{Path: "a", Change: 1}}}).check())
	require.Error(t, (&listing{Files: []listedFile{{Path: "a", Change: -1}}}).check())
	require.Error(t, (&listing{Files: make([]listedFile, maxFiles+1)}).check())
	require.NoError(t, (&listing{Files: []listedFile{{Path: "a", Change: 1}}, Changes: make([]crontopus.Commit, 1)}).check())
}

func TestTheChildEndsWithItsStdin(t *testing.T) {
	in, parent := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- ServeFetch(context.Background(), in, io.Discard) }()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	request, err := json.Marshal(fetchRequest{URL: "http://" + silent.Addr().String() + "/x.git", Branch: "main",
		Mirror: t.TempDir(), AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.NoError(t, err)
	require.NoError(t, writeFrame(parent, kindRequest, request))
	connection, err := silent.Accept() // it is at work
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	require.NoError(t, parent.Close())
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.FailNow(t, "the child lives on")
	}
}

func TestTheChildTellsWhatItRefuses(t *testing.T) {
	for name, q := range map[string]fetchRequest{
		"address": {URL: "http://127.0.0.1/x.git", Branch: "main"},
		"branch":  {URL: "https://example.com/x.git", Branch: "a..b"},
		"option":  {URL: "--upload-pack=id", Branch: "main"},
	} {
		t.Run(name, func(t *testing.T) {
			in, parent := io.Pipe()
			out := &bytes.Buffer{}
			go func() { _ = writeJSON(parent, kindRequest, q) }()
			require.NoError(t, ServeFetch(t.Context(), in, out))
			kind, payload, err := readFrame(out, everyKind)
			require.NoError(t, err)
			require.Equal(t, byte(kindFailed), kind)
			var f failure
			require.NoError(t, json.Unmarshal(payload, &f))
			require.True(t, f.Stalled)
		})
	}
}

func TestTheCacheForgetsTheLeastRecentlyUsed(t *testing.T) {
	c := newBlobCache(3 * (1000 + 256))
	for i := range byte(3) {
		c.add(cacheKey{blob: blobHash{i}}, 1000, decoded{digests: []string{string('a' + rune(i))}})
	}
	_, ok := c.get(cacheKey{blob: blobHash{0}})
	require.True(t, ok)
	c.add(cacheKey{blob: blobHash{3}}, 1000, decoded{})
	c.add(cacheKey{blob: blobHash{3}}, 1000, decoded{}) // again: nothing changes
	for i, want := range []bool{true, false, true, true} {
		_, ok := c.get(cacheKey{blob: blobHash{byte(i)}})
		require.Equal(t, want, ok, i)
	}
	c.add(cacheKey{blob: blobHash{9}}, 1<<30, decoded{})
	require.Zero(t, c.bytes)
	require.Empty(t, c.byKey)
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("R\x00\x00\x00\x02{}"))
	f.Add([]byte("L\x00\x00\x00\x0c{\"files\":[]}"))
	f.Add([]byte("W\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			kind, payload, err := readFrame(r, everyKind)
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(payload), len(data))
			if kind == kindListing {
				var l listing
				if json.Unmarshal(payload, &l) == nil && l.check() == nil {
					for _, file := range l.Files {
						require.LessOrEqual(t, file.Change, len(l.Changes))
					}
				}
			}
			var again bytes.Buffer
			require.NoError(t, writeFrame(&again, kind, payload))
			require.True(t, bytes.Contains(data, again.Bytes()))
		}
	})
}
