package arch

import (
	"go/ast"
	"slices"
	"testing"
)

// writesItself says why a function makes or renames files without internal/atomicfile,
// which every file that is to outlive the program goes through.
var writesItself = map[string]string{
	"agent/account_unix.go: scriptFile":      "a run's script, gone before the run is",
	"agent/ask.go: listenAt":                 "a FIFO",
	"agent/crontab/place.go: whole":          "what crontab(1) reads, gone when it has",
	"agent/policyfile.go: readPolicy":        "opened to read",
	"agent/spoollimit.go: setAside":          "a damaged check-in, for a person to look at if it is still there",
	"app/backup.go: CreateBackup":            "an empty file for the database's own copy, in a folder that goes",
	"internal/filelock/filelock.go: lock":    "a lock, which nothing is written to",
	"internal/failpoint/on.go: write":        "in no program that people run",
	"store/sqlite_place.go: takeSQLitePlace": "an empty file with the right mode; what comes into it is SQLite's to keep",
	"syncer/limits_linux.go: tellKernel":     "the kernel's file about this process",
	"syncer/mirror.go: fresh":                "a mirror that is lost is fetched again",
	"syncer/ssh.go: trust":                   "written again for each fetch",
}

// makesFiles are the calls of package os by which something new appears on a disk.
var makesFiles = []string{"WriteFile", "Create", "CreateTemp", "OpenFile", "Rename", "Link", "Symlink", "Truncate"}

// scratch are packages whose files go when they end, or are made by a person for a person.
var scratch = []string{"app/demo", "bench"}

func TestWhatIsToLastIsWrittenByAtomicfile(t *testing.T) {
	t.Parallel()
	unused := map[string]bool{}
	for where := range writesItself {
		unused[where] = true
	}
	for _, f := range goFiles(t) {
		if f.test || slices.Contains(scratch, f.pkg) || f.pkg == "internal/atomicfile" || slices.Contains(testHelpers, f.pkg) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, _ := sel.X.(*ast.Ident); x == nil || x.Name != "os" || !slices.Contains(makesFiles, sel.Sel.Name) {
					return true
				}
				where := f.name + ": " + fn.Name.Name
				if writesItself[where] == "" {
					t.Errorf("%s calls os.%s: use internal/atomicfile, or say in writesItself why %q need not", f.at(n), sel.Sel.Name, where)
				}
				delete(unused, where)
				return true
			})
		}
	}
	for where := range unused {
		t.Errorf("writesItself names %q, which writes no files", where)
	}
}
