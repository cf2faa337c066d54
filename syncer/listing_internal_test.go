package syncer

import (
	"crypto/sha1" //nolint:gosec // as Git names blobs
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// What differs between two trees, joined with the first, is the second.
func TestJoinUndoesTheDifference(t *testing.T) {
	folders := rapid.SampledFrom([]string{".", "a", "a/b", "a.yaml", "c"})
	file := rapid.Custom(func(t *rapid.T) string {
		return path.Join(folders.Draw(t, "folder"), rapid.SampledFrom([]string{"a.yaml", "b", "x.yaml", "y.yaml"}).Draw(t, "name"))
	})
	trees := rapid.Map(rapid.MapOf(file, rapid.IntRange(0, 3)), func(files map[string]int) map[string]int {
		for name := range files { // no file is a folder, too
			for other := range files {
				if strings.HasPrefix(other, name+"/") {
					delete(files, other)
				}
			}
		}
		return files
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := trees.Draw(t, "before"), trees.Draw(t, "after")
		delta := &listing{Differs: true}
		for name, content := range after {
			if was, ok := before[name]; !ok || was != content {
				delta.Files = append(delta.Files, entryOf(name, content))
			}
		}
		for name, content := range before {
			if is, stays := after[name]; !stays || is != content {
				delta.Gone = append(delta.Gone, name)
			}
		}
		require.NoError(t, delta.join(&listing{Files: listOf(before)}))
		require.Equal(t, listOf(after), delta.Files)
		require.Empty(t, delta.Gone)
	})
}

func entryOf(name string, content int) listedFile {
	return listedFile{Path: name, Hash: sha1.Sum([]byte{byte(content)})} //nolint:gosec // as Git names blobs
}

func listOf(tree map[string]int) (files []listedFile) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		files = append(files, entryOf(name, tree[name]))
	}
	return files
}

func TestAFolderThatIsGoneTakesWhatIsInIt(t *testing.T) {
	delta := &listing{Differs: true, Gone: []string{"a"}}
	require.NoError(t, delta.join(&listing{Files: listOf(map[string]int{"a/b/c.yaml": 1, "ab.yaml": 1}),
		Irregular: []irregular{{Path: "a/link"}, {Path: "b/link"}}}))
	require.Equal(t, listOf(map[string]int{"ab.yaml": 1}), delta.Files)
	require.Equal(t, []irregular{{Path: "b/link"}}, delta.Irregular)
}

// Many small differences are bounded as one large listing is.
func TestJoinedListingsHaveTheLimitsOfWholeOnes(t *testing.T) {
	long := strings.Repeat("x", maxPathBytes)
	for name, c := range map[string]struct {
		files int
		path  string
	}{"files": {maxFiles, "a"}, "names": {maxNames / maxPathBytes, long}} {
		base := &listing{Files: make([]listedFile, c.files)}
		for i := range base.Files {
			base.Files[i].Path = c.path
		}
		require.NoError(t, (&listing{}).join(base), name)
		f := &failure{}
		require.ErrorAs(t, (&listing{Files: []listedFile{{Path: "more"}}}).join(base), &f, name)
		require.Equal(t, crontopus.ReasonVerificationFailed, f.Reason)
	}
}

func TestListingsAreOfOneRepositoryAndItsCommitInForce(t *testing.T) {
	q := fetchRequest{URL: "https://git.example.com/a", Branch: "main", Path: "jobs", Mirror: "/mirrors/1", Applied: "c1"}
	whole := &listing{Commit: crontopus.Commit{Hash: "c1"}, Files: []listedFile{{Path: "a.yaml", Change: 1}}}
	known := newListings()
	require.Nil(t, known.of(q))
	known.add(q, whole)
	require.Equal(t, []listedFile{{Path: "a.yaml"}}, known.of(q).Files, "who changed it is of that sync")
	known.add(q, &listing{Unchanged: true})
	require.NotNil(t, known.of(q))
	for _, change := range []func(*fetchRequest){
		func(q *fetchRequest) { q.URL = "https://git.example.com/b" }, func(q *fetchRequest) { q.Branch = "other" },
		func(q *fetchRequest) { q.Path = "" }, func(q *fetchRequest) { q.Mirror = "/mirrors/2" }, func(q *fetchRequest) { q.Applied = "c2" },
	} {
		other := q
		change(&other)
		require.Nil(t, known.of(other))
	}
	for i := range 3 {
		huge := q
		huge.Mirror = string(rune('a' + i))
		known.add(huge, &listing{Commit: whole.Commit, Files: make([]listedFile, maxFiles)})
		require.NotNil(t, known.of(huge))
		require.LessOrEqual(t, known.files, 2*maxFiles)
	}
	require.Nil(t, known.of(q), "memory is bounded")
}

func TestAChildThatTellsADifferenceUnaskedIsNotBelieved(t *testing.T) {
	data, err := json.Marshal(&listing{Differs: true, Files: []listedFile{}})
	require.NoError(t, err)
	l, err := readListing(data, nil)
	require.ErrorContains(t, err, "whole was asked for")
	require.Nil(t, l)
}
