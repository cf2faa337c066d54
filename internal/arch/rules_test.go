package arch

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for pkg, files := range packages(t) {
		documented := slices.ContainsFunc(files, func(f goFile) bool {
			return f.syntax.Doc != nil && len(strings.Fields(f.syntax.Doc.Text())) >= 10
		})
		if !documented {
			t.Errorf("package %q has no comment that says its purpose and whom it imports", pkg)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	const most, usual = 800, 500
	files := goFiles(t)
	long := 0
	for _, f := range files {
		if f.lines > usual {
			long++
		}
		if f.lines > most {
			t.Errorf("%s has %d lines: more than %d needs a decision in docs/adr and a line here", f.name, f.lines, most)
		}
	}
	require.LessOrEqualf(t, long*20, len(files), "%d of %d files are over %d lines; 95 %% stay below", long, len(files), usual)
}

// testHelpers are packages that are parts of tests, whatever their files are called.
var testHelpers = []string{"store/storetest", "internal/gittest", "internal/pgtest", "internal/badnet"}

// notWritten are files of testdata that nobody wrote: made to a size, or captured.
var notWritten = regexp.MustCompile(`/(too_large\.yaml|forgejo/.*|fuzz/.*)$`)

func TestThereIsAtLeastAsMuchTestAsCode(t *testing.T) {
	t.Parallel()
	var code, tests int
	files(t, func(name string, data []byte) {
		lines := strings.Count(string(data), "\n")
		switch {
		case notWritten.MatchString(name):
		case strings.HasPrefix(name, "bench/"): // it is neither product nor test
		case strings.HasSuffix(name, "_test.go"), strings.Contains(name, "/testdata/"), slices.Contains(testHelpers, path.Dir(name)):
			tests += lines
		case path.Ext(name) == ".go":
			code += lines
		}
	})
	require.GreaterOrEqualf(t, tests, code, "%d lines of tests for %d lines of code", tests, code)
}

func TestTestsWaitForEventsAndNeverSkip(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := fun.X.(*ast.Ident)
			switch {
			case x != nil && x.Name == "time" && fun.Sel.Name == "Sleep" && !synctested(f):
				t.Errorf("%s sleeps: wait for the event, or use testing/synctest", f.at(n))
			case f.test && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, fun.Sel.Name):
				t.Errorf("%s skips: a test that cannot run fails, and says what is missing", f.at(n))
			}
			return true
		})
	}
}

// synctested reports whether the file's tests run in testing/synctest, where sleeping is
// instant and exact.
func synctested(f goFile) bool {
	return f.test && slices.Contains(f.imports(), "testing/synctest")
}

func TestOnlyProgramsPrint(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.test || f.pkg == "cli" || strings.HasPrefix(f.pkg, "cmd/") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "fmt" && strings.HasPrefix(sel.Sel.Name, "Print") {
				t.Errorf("%s prints to stdout: write to the io.Writer or log to the *slog.Logger that was handed in", f.at(n))
			}
			return true
		})
	}
}

// marker is a note that belongs into the issue tracker.
var marker = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	t.Parallel()
	files(t, func(name string, data []byte) {
		if strings.Contains(name, "testdata/") || path.Ext(name) == ".sum" {
			return
		}
		for i, line := range strings.Split(string(data), "\n") {
			if marker.MatchString(line) {
				t.Errorf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	})
}

func TestFuzzTargetsAreWhereMakeFuzzFindsThem(t *testing.T) {
	t.Parallel()
	// tools/fuzz.sh asks the Go tool for them, so one behind a build tag or outside a
	// test file would never run.
	for _, f := range goFiles(t) {
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			if !f.test || constrained(f) {
				t.Errorf("%s: %s would not be run by make fuzz", f.at(fn), fn.Name.Name)
			}
		}
	}
}

func constrained(f goFile) bool {
	return slices.ContainsFunc(f.syntax.Comments, func(g *ast.CommentGroup) bool {
		return strings.HasPrefix(g.List[0].Text, "//go:build")
	})
}

func TestProgramsAreSmall(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if strings.HasPrefix(f.pkg, "cmd/") && !f.test {
			require.LessOrEqual(t, f.lines, 30, "%s: main wires signals and exits; the rest belongs to cli or agent/command", f.name)
		}
	}
}

func TestDecisionsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	var numbers []int
	files(t, func(name string, _ []byte) {
		if path.Dir(name) != "docs/adr" {
			return
		}
		digits, _, _ := strings.Cut(path.Base(name), "-")
		n, err := strconv.Atoi(digits)
		require.NoErrorf(t, err, "%s: a decision is named NNNN-what.md", name)
		numbers = append(numbers, n)
	})
	slices.Sort(numbers)
	for i, n := range numbers {
		require.Equal(t, i+1, n, "docs/adr")
	}
}
