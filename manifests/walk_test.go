package manifests_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// crowded is a folder with any number of files that does not hold them.
type crowded struct {
	fs.FS
	files, at int
	name      string // of a file, by its number
}

func (c *crowded) Open(name string) (fs.File, error) {
	if name == "." {
		return c, nil
	}
	return nil, fs.ErrNotExist
}
func (c *crowded) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }
func (c *crowded) Read([]byte) (int, error)   { return 0, fs.ErrInvalid }
func (c *crowded) Close() error               { return nil }
func (c *crowded) ReadDir(n int) (entries []fs.DirEntry, err error) {
	for ; n > 0 && c.at < c.files; n, c.at = n-1, c.at+1 {
		info, err := fs.Stat(fstest.MapFS{"x": {}}, "x")
		if err != nil {
			return nil, err
		}
		entries = append(entries, numberedEntry{fs.FileInfoToDirEntry(info), fmt.Sprintf(c.name, c.at)})
	}
	return entries, nil
}

type numberedEntry struct {
	fs.DirEntry
	name string
}

func (e numberedEntry) Name() string { return e.name }

func TestAMillionFilesAreTooManyAndCostLittle(t *testing.T) {
	_, _, err := manifests.Load(&crowded{files: 1_000_000, name: "job-%d.yaml"}, ".")
	require.ErrorContains(t, err, "there are more than 200000 manifests here")
	require.Equal(t, crontopus.CodeTooLarge, crontopus.ErrorCode(err))
	require.Contains(t, crontopus.ErrorHint(err), manifests.IgnoreFile)

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	docs, problems, err := manifests.Load(&crowded{files: 1_000_000, name: "photo-%d.jpg"}, ".")
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Empty(t, docs)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20), "what is no manifest is not kept")
}

func TestAFolderThatCannotBeReadIsAProblemAmongOthers(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"a.yaml": manifest("a"), "locked/b.yaml": manifest("b"), "z/c.yaml": manifest("c"), "z/.crontopusignore": {Data: []byte("d.yaml\n")}, "z/d.yaml": manifest("d")}
	docs, problems, err := manifests.Load(lockedFS{files, "locked"}, ".")
	require.NoError(t, err)
	require.Equal(t, []string{"a.yaml default/a", "z/c.yaml default/c"}, names(docs))
	require.Len(t, problems, 1)
	require.Equal(t, "locked: this cannot be read: permission denied", problems[0].String())

	docs, problems, err = manifests.Load(lockedFS{files, "z/.crontopusignore"}, ".")
	require.NoError(t, err)
	require.Equal(t, []string{"a.yaml default/a", "locked/b.yaml default/b"}, names(docs), "what may be left out is not read")
	require.Equal(t, "z/.crontopusignore: this cannot be read: permission denied", problems[0].String())

	_, _, err = manifests.Load(lockedFS{files, "."}, ".")
	require.ErrorIs(t, err, fs.ErrPermission)
	_, _, err = manifests.Load(files, "a.yaml")
	require.Error(t, err, "no folder")
}

// lockedFS refuses to open one name.
type lockedFS struct {
	fs.FS
	locked string
}

func (l lockedFS) Open(name string) (fs.File, error) {
	if name == l.locked {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return l.FS.Open(name)
}

func TestLinksThatLeadInCirclesAreNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "a", "b", "up")))
	require.NoError(t, os.Symlink("loop.yaml", filepath.Join(dir, "a", "loop.yaml")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "[ab]*.yaml"), manifest("a").Data, 0o600))
	docs, problems, err := manifests.Load(os.DirFS(dir), ".")
	require.NoError(t, err)
	require.Equal(t, []string{"a/[ab]*.yaml default/a"}, names(docs), "a name is a name, whatever it looks like")
	require.Len(t, problems, 1)
	require.Equal(t, "a/loop.yaml", problems[0].File)
}

func TestFoldersInFoldersWithoutEndAreRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("d/", 150) + "a.yaml"
	_, _, err := manifests.Load(fstest.MapFS{deep: manifest("a")}, ".")
	require.ErrorContains(t, err, "lies in more than 100 folders")
}

func TestMoreProblemsThanAnybodyReadsAreToldAsOne(t *testing.T) {
	t.Parallel()
	odd := func(doc *manifests.Document, _ func(string) manifests.Place) (found []crontopus.Problem) {
		for i := range 200 {
			found = append(found, crontopus.Problem{File: doc.Path, Line: doc.Line, Path: fmt.Sprint("/spec/", i), Code: "odd", Severity: crontopus.SeverityWarning})
		}
		return found
	}
	folder := func(files int) fstest.MapFS {
		fsys := fstest.MapFS{}
		for i := range files {
			text := fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\nspec: {schedule: \"@daily\", target: {all: true}, run: {command: [/bin/true]}}\n", i)
			fsys[fmt.Sprintf("job-%d.yaml", i)] = &fstest.MapFile{Data: []byte(text)}
		}
		return fsys
	}
	reader := manifests.Reader{Inspect: odd}
	name := func(name string) string { return name }
	most, err := reader.Read(folder(manifests.MaxProblems/200), ".", name)
	require.NoError(t, err)
	require.Len(t, most.Problems, manifests.MaxProblems)
	_, err = reader.Read(folder(manifests.MaxProblems/200+1), ".", name)
	require.ErrorContains(t, err, "there are more than 250000 problems here")
	require.Equal(t, crontopus.CodeTooLarge, crontopus.ErrorCode(err))
	require.Contains(t, crontopus.ErrorHint(err), "name a folder below it")
}
