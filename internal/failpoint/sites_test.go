package failpoint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// passesOn are functions that write a file for whoever calls them, in their package.
var passesOn = map[string]string{"agent.writeJSON": "writeJSON"}

var foundSites = sync.OnceValues(findSites)

// sites lists, by seam, every function of the product that asks for a file or for a
// transaction that writes.
func sites(t testing.TB) map[string][]string {
	t.Helper()
	found, err := foundSites()
	require.NoError(t, err)
	return found
}

func findSites() (map[string][]string, error) {
	found := map[string][]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "tools") {
			return skip(err)
		}
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil || rel == "internal/atomicfile" {
			return err
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				addSites(found, filepath.ToSlash(rel), fn)
			}
		}
		return nil
	})
	for seam := range found {
		slices.Sort(found[seam])
		found[seam] = slices.Compact(found[seam])
	}
	return found, err
}

func skip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// addSites looks for calls of a seam in a function.
func addSites(found map[string][]string, pkg string, fn *ast.FuncDecl) {
	name := path.Join(pkg, "") + "." + receiver(fn) + fn.Name.Name
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			if passesOn[pkg+"."+fun.Name] != "" {
				found["file"] = append(found["file"], name)
			}
		case *ast.SelectorExpr:
			from, _ := fun.X.(*ast.Ident)
			engine, _ := fun.X.(*ast.SelectorExpr)
			switch {
			case from != nil && from.Name == "atomicfile" && fun.Sel.Name != "Sweep" && passesOn[name] == "":
				found["file"] = append(found["file"], name)
			case pkg == "store" && engine != nil && engine.Sel.Name == "engine" && slices.Contains([]string{"write", "prepare"}, fun.Sel.Name) && receiver(fn) != "seam.":
				found["tx"] = append(found["tx"], name)
			}
		}
		return true
	})
}

// receiver is the type of a method as the runtime spells it; one with parameters writes nothing.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	switch t := fn.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		if name, ok := t.X.(*ast.Ident); ok {
			return "(*" + name.Name + ")."
		}
	case *ast.Ident:
		return t.Name + "."
	}
	return "?."
}
