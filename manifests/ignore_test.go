package manifests_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/internal/gitfs"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/manifests"
)

// tree is what the ignore files below are asked about.
var tree = []string{
	"a.yaml", "b.yml", "a/b.yaml", "a/b/c.yaml", "a/b/c/d.yaml", "x/a/b.yaml", "x/a.yaml", "x/y/z/a.yaml",
	"#a.yaml", "!a.yaml", "a b.yaml", "trailing .yaml", "a[1].yaml", "a1.yaml", "a-.yaml", "a*.yaml", `a\b.yaml`, "äö.yaml", "A.yaml",
}

type ignoreCase struct{ name, root, nested string }

var ignoreCases = []ignoreCase{
	{"nothing", "", ""},
	{"comment and blank lines", "# a.yaml\n\n  \n", ""},
	{"a name at any depth", "a.yaml\n", ""},
	{"a name at the root", "/a.yaml\n", ""},
	{"a folder at any depth", "a/\n", ""},
	{"a path is anchored", "a/b.yaml\n", ""},
	{"a star stays within a name", "*.yaml\n", ""},
	{"a star does not cross folders", "a/*.yaml\n", ""},
	{"a question mark", "a?.yaml\n", ""},
	{"a class", "a[0-9].yaml\n", ""},
	{"a negated class", "a[!0-9].yaml\na[^-].yaml\n", ""},
	{"a class with a bracket", "a[]1].yaml\n", ""},
	{"a class that does not end", "a[1.yaml\n", ""},
	{"two stars in front", "**/a.yaml\n", ""},
	{"two stars behind", "a/**\n", ""},
	{"two stars between", "a/**/d.yaml\nx/**/a.yaml\n", ""},
	{"two stars within a name", "a**.yaml\n", ""},
	{"two stars alone", "**\n", ""},
	{"negation", "*.yaml\n!a.yaml\n", ""},
	{"negation comes too late inside an ignored folder", "a/\n!a/b.yaml\n", ""},
	{"negation of the folder's content", "a/*\n!a/b.yaml\n", ""},
	{"escaped hash and exclamation mark", "\\#a.yaml\n\\!a.yaml\n", ""},
	{"escaped star", "a\\*.yaml\n", ""},
	{"trailing spaces", "a.yaml   \ntrailing\\ .yaml\n", ""},
	{"CRLF", "a.yaml\r\nb.yml\r\n", ""},
	{"a space within", "a b.yaml\n", ""},
	{"letters beyond ASCII", "ä?.yaml\n", ""},
	{"nested file", "", "b.yaml\n/c.yaml\n"},
	{"nested file negates the root's", "*.yaml\n", "!b.yaml\n"},
	{"nested path", "", "b/c.yaml\n"},
	{"slash alone", "/\n", ""},
	{"a slash at the end of a path", "a/b/\n", ""},
	{"a name without extension is a folder too", "x\n", ""},
	{"backslash at the end", "a\\\n", ""},
}

// TestIgnoreAgreesWithGit compares the verdict on every path with that of git check-ignore,
// for the patterns above and for some that nobody would write. Each case is a folder of
// one repository, so that git is asked once.
func TestIgnoreAgreesWithGit(t *testing.T) {
	t.Parallel()
	cases := append(ignoreCases, anyCases(300)...)
	dir := t.TempDir()
	var paths strings.Builder
	for i, c := range cases {
		folder := fmt.Sprintf("%03d", i)
		for _, name := range tree {
			file := filepath.Join(dir, folder, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			paths.WriteString(folder + "/" + name + "\x00")
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, folder, ".gitignore"), []byte(c.root), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, folder, "a", ".gitignore"), []byte(c.nested), 0o644))
	}
	out, err := exec.Command("git", "init", "-q", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	git := exec.Command("git", "-C", dir, "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "-z", "--stdin")
	git.Stdin = strings.NewReader(paths.String())
	out, err = git.Output()
	require.NoError(t, err)
	want := map[string]bool{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		want[name] = true
	}
	for i, c := range cases {
		var ignore manifests.Ignore
		ignore.Add("", []byte(c.root))
		ignore.Add("a", []byte(c.nested))
		for _, name := range tree {
			require.Equal(t, want[fmt.Sprintf("%03d/%s", i, name)], ignore.Match(name, false),
				"%s: %q with the patterns %q, in a/ %q", c.name, name, c.root, c.nested)
		}
	}
}

func anyCases(n int) []ignoreCase {
	piece := rapid.SampledFrom([]string{"a", "b", "c", "x", "*", "**", "?", "/", "[ab]", "[!a]", ".yaml", "!", "y", "/**/", "\\", "z"})
	line := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "pieces"), "") })
	file := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(line, 0, 3).Draw(t, "lines"), "\n") + "\n" })
	cases := make([]ignoreCase, n)
	for i := range cases {
		cases[i] = ignoreCase{fmt.Sprint("random case ", i), file.Example(2 * i), file.Example(2*i + 1)}
	}
	return cases
}

func TestIgnoreIsCheapWithHostilePatterns(t *testing.T) {
	t.Parallel()
	var ignore manifests.Ignore
	ignore.Add("", []byte(strings.Repeat("*a", 5_000)+"\n"+strings.Repeat("**/a/", 1_000)+"b\n"))
	began := time.Now()
	require.False(t, ignore.Match(strings.Repeat("a/", 1_000)+strings.Repeat("a", 4_000)+"c", false))
	require.Less(t, time.Since(began), time.Second)
}

// A file system need not know how long its files are: a commit's does not.
func TestTooManyRulesAreRefusedAndNotReadInPart(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{strings.Repeat("#", 1<<20): false, strings.Repeat("#", 1<<20+1): true} {
		repo := gittest.NewRepo(t)
		head := repo.Commit(t, "rules", map[string]string{manifests.IgnoreFile: text})
		tree, err := gitfs.Open(context.WithoutCancel(t.Context()), repo.Dir, head)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, tree.Close()) })
		read, err := manifests.Reader{}.Read(tree, ".", func(name string) string { return name })
		require.NoError(t, err)
		require.Equal(t, refused, len(read.Problems) > 0, "%d bytes: %v", len(text), read.Problems)
	}
}
