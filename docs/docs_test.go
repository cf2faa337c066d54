// Package docs_test keeps the documentation true: its examples are valid, its command
// lines exist, its links lead somewhere, and cli.md is what the programs say of
// themselves.
package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is one Markdown file of the documentation.
type page struct {
	name string // from the root
	text string
}

func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "docs", "examples", "ci", "deploy"} {
		err := filepath.WalkDir(filepath.Join("..", name), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(p) != ".md" {
				return err
			}
			data, err := os.ReadFile(p)
			all = append(all, page{strings.TrimPrefix(filepath.ToSlash(p), "../"), string(data)})
			return err
		})
		require.NoError(t, err)
	}
	require.NotEmpty(t, all)
	return all
}

// block is one fenced block: what language it says, and what is in it.
type block struct {
	language, text string
	line           int
}

func (p page) blocks() []block {
	var all []block
	var open *block
	for i, line := range strings.Split(p.text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &block{language: fence, line: i + 2}
		case isFence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return all
}

// link is a Markdown link to a file of the repository.
var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// code is what stands between backquotes, where brackets are no links.
var code = regexp.MustCompile("`[^`\n]*`")

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(p.text, ""), -1) {
			target := filepath.Join("..", path.Dir(p.name), m[1])
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", p.name, m[1])
		}
	}
}

// goPath is a file of ours as the text names it.
var goPath = regexp.MustCompile("`((?:[a-z]+/)+[a-z_]+\\.go)`")

func TestFilesThatTheTextNamesExist(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range goPath.FindAllStringSubmatch(p.text, -1) {
			_, err := os.Stat(filepath.Join("..", m[1]))
			require.NoError(t, err, "%s names %s", p.name, m[1])
		}
	}
}
