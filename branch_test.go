package crontopus_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// gitAllows asks Git itself.
func gitAllows(name string) bool {
	return name != "HEAD" && !strings.HasPrefix(name, "-") && exec.Command("git", "check-ref-format", "refs/heads/"+name).Run() == nil
}

func TestABranchIsNamedAsGitAllows(t *testing.T) {
	_, err := exec.LookPath("git")
	require.NoError(t, err, "install git")
	require.True(t, gitAllows("main"))
	require.False(t, gitAllows("a..b"))
	for _, name := range []string{
		"main", "release/1.2", "a@b", "käse", "feature/#12", "a.b", "x-", "{", "a{b", "a@", "head", "FETCH_HEAD", "a.lockx",
		"", "@", "HEAD", "-x", "--upload-pack=x", "a..b", "a@{b", "@{-1", "x//y", "/x", "x/", ".x", "x/.y", "x.", "x/y.", "x.lock", "x.lock/y",
		"a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a\tb", "a\x7fb", "refs/heads/x",
	} {
		require.Equal(t, gitAllows(name), crontopus.ValidBranch(name), "%q", name)
	}
}

func TestAnyNameOfABranchIsJudgedAsGitDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "B", "-", ".", "/", "@", "{", "lock", " ", "~", "\x01", "é", "HEAD"}), 1, 6).Draw(t, "parts")
		name := strings.Join(parts, "")
		require.Equal(t, gitAllows(name), crontopus.ValidBranch(name), "%q", name)
	})
}
