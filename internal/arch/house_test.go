package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the import path of the root package.
const module = "crontopus.dev/crontopus"

// goFile is one Go file of the product, read and parsed.
type goFile struct {
	name   string // slash-separated, from the root
	pkg    string // folder: the package's path within the module, "" for the root
	lines  int
	test   bool
	syntax *ast.File
	fset   *token.FileSet
}

// at says where a node is, as an editor can open it.
func (f goFile) at(n ast.Node) string {
	return f.name + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// imports lists the paths that the file imports.
func (f goFile) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser accepted it
		paths = append(paths, p)
	}
	return paths
}

// root is the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// files walks the house and calls visit for every file that people write: not what is
// built or fetched, and not the tools' own module.
func files(t *testing.T, visit func(name string, data []byte)) {
	t.Helper()
	dir := root(t)
	left := []string{".git", "bin", "cover", "node_modules", "tools", "web/dist"}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (slices.Contains(left, name) || slices.Contains(left, path.Base(name))):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		visit(name, data)
		return nil
	})
	require.NoError(t, err)
}

// goFiles returns every Go file outside testdata, whatever system it is built for.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var all []goFile
	files(t, func(name string, data []byte) {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			return
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		pkg := path.Dir(name)
		if pkg == "." {
			pkg = ""
		}
		all = append(all, goFile{
			name: name, pkg: pkg, lines: strings.Count(string(data), "\n"),
			test: strings.HasSuffix(name, "_test.go"), syntax: syntax, fset: fset,
		})
	})
	require.NotEmpty(t, all)
	return all
}

// packages groups the files that are not tests by package.
func packages(t *testing.T) map[string][]goFile {
	t.Helper()
	m := map[string][]goFile{}
	for _, f := range goFiles(t) {
		if !f.test {
			m[f.pkg] = append(m[f.pkg], f)
		}
	}
	return m
}
