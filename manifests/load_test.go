package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

func manifest(name string) *fstest.MapFile {
	return &fstest.MapFile{Data: fmt.Appendf(nil, `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: %s}
spec:
  schedule: "@daily"
  target: {all: true}
  run: {command: [/bin/true]}
`, name)}
}

func names(docs []manifests.Document) []string {
	out := []string{}
	for _, doc := range docs {
		out = append(out, doc.Path+" "+doc.Job.Name().String())
	}
	return out
}

func TestLoadReadsWhatIsAManifestAndNothingElse(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"b.yaml":                     manifest("b"),
		"a.yml":                      manifest("a"),
		"deep/er/c.yaml":             manifest("c"),
		"README.md":                  {Data: []byte("# no YAML: {")},
		"values.yaml.tmpl":           {Data: []byte("{{ no }}: {")},
		".forgejo/workflows/ci.yaml": {Data: []byte("on: push")},
		".pre-commit-config.yaml":    {Data: []byte("repos: []")},
		"deep/.hidden/d.yaml":        {Data: []byte("nothing: here")},
		"charts/values.yaml":         {Data: []byte("ignored: by the root's file")},
		"deep/local.yaml":            {Data: []byte("ignored: by the folder's file")},
		".crontopusignore":           {Data: []byte("charts/\n")},
		"deep/.crontopusignore":      {Data: []byte("/local.yaml\n")},
		"compose.yaml":               {Data: []byte("# crontopus: ignore\nservices: {}\n")},
	}
	docs, problems, err := manifests.Load(fsys, ".")
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, []string{"a.yml default/a", "b.yaml default/b", "deep/er/c.yaml default/c"}, names(docs))

	docs, problems, err = manifests.Load(fsys, "deep")
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, []string{"deep/er/c.yaml default/c"}, names(docs))
}

func TestReadsAgreesWithLoad(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"a.yaml": true, "a/b.yml": true, "a.YAML": false, "a.json": false, "yaml": false, ".yaml": false,
		".a.yaml": false, ".git/a.yaml": false, "a/.b/c.yaml": false, "a.b/c.yaml": true, "..a/b.yaml": false,
	} {
		require.Equal(t, want, manifests.Reads(path), path)
	}
}

func TestTwoFilesThatNameOneJobAreBothTold(t *testing.T) {
	t.Parallel()
	docs, problems, err := manifests.Load(fstest.MapFS{"a.yaml": manifest("twin"), "b.yaml": manifest("twin"), "c.yaml": manifest("twin")}, ".")
	require.NoError(t, err)
	require.Len(t, docs, 3)
	var said []string
	for _, p := range problems {
		require.Equal(t, manifests.CodeDuplicateJob, p.Code)
		said = append(said, p.String())
	}
	require.Equal(t, []string{
		"a.yaml:3:18: the job default/twin is also in b.yaml:3",
		"b.yaml:3:18: the job default/twin is also in a.yaml:3",
		"c.yaml:3:18: the job default/twin is also in a.yaml:3",
	}, said)
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret.yaml"), []byte("password: hunter2"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "link.yaml")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "folder")))
	docs, problems, err := manifests.Load(os.DirFS(dir), ".")
	require.NoError(t, err)
	require.Empty(t, docs)
	require.Len(t, problems, 1)
	require.Equal(t, "link.yaml: this is not a regular file; links are not followed", problems[0].String())
}

func TestAFileThatCannotBeReadIsAProblemOfThatFile(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{"good.yaml": manifest("good"), "gone.yaml": {Data: nil, Mode: os.ModeDevice}}
	docs, problems, err := manifests.Load(fsys, ".")
	require.NoError(t, err)
	require.Equal(t, []string{"good.yaml default/good"}, names(docs))
	require.Len(t, problems, 1)
	require.Equal(t, manifests.CodeUnreadable, problems[0].Code)
}

func TestARootThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	_, _, err := manifests.Load(fstest.MapFS{}, "nowhere")
	require.Error(t, err)
}

func TestManyFilesComeOutInOrder(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	var want []string
	for i := range 500 {
		name := fmt.Sprintf("job-%03d", i)
		fsys[name+".yaml"] = manifest(name)
		want = append(want, name+".yaml default/"+name)
	}
	docs, problems, err := manifests.Load(fsys, ".")
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, want, names(docs))
}
