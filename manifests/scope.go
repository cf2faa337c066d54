package manifests

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// Scope is all Defaults that hold in a folder. A nil Scope has none.
type Scope struct {
	above  *Scope
	own    []*Defaults    // of one folder; more than one is an error, and then none holds
	value  map[string]any // of above and own together
	broken bool           // something is wrong with one of them
}

func (s *Scope) with(own []*Defaults) *Scope {
	below := &Scope{above: s, own: own, broken: len(own) > 1 || len(own[0].problems) > 0}
	if s != nil {
		below.value, below.broken = s.value, below.broken || s.broken
	}
	if !below.broken {
		below.value = inherit(below.value, own[0].value)
	}
	return below
}

// Files are those that the Defaults stand in, the outermost first. A file with two documents
// of Defaults is there twice.
func (s *Scope) Files() []string {
	if s == nil {
		return nil
	}
	files := s.above.Files()
	for _, d := range s.own {
		files = append(files, d.Path)
	}
	return files
}

// find returns where the nearest Defaults say something.
func (s *Scope) find(pointer string) (Place, bool) {
	for ; s != nil; s = s.above {
		if at, says := s.own[0].places[pointer]; says {
			return Place{s.own[0].Path, at.line, at.column}, true
		}
	}
	return Place{}, false
}

// same reports whether two scopes have the same Defaults.
func (s *Scope) same(o *Scope) bool {
	return s == o || s != nil && o != nil && slices.Equal(s.own, o.own) && s.above.same(o.above)
}

// Folders knows which Defaults hold in each folder of a tree, whose paths are slash-separated
// and whose root is ".".
type Folders struct {
	above  *Scope // of the root
	own    map[string][]*Defaults
	scopes map[string]*Scope
}

func newFolders(above *Scope) *Folders {
	return &Folders{above: above, own: map[string][]*Defaults{}, scopes: map[string]*Scope{}}
}

func (f *Folders) add(folder string, found []*Defaults) {
	if len(found) == 0 {
		return
	}
	own := append(f.own[folder], found...)
	slices.SortFunc(own, func(a, b *Defaults) int {
		return comparePlaces(crontopus.Problem{File: a.Path, Line: a.Line}, crontopus.Problem{File: b.Path, Line: b.Line})
	})
	f.own[folder] = own
	clear(f.scopes)
}

// of returns what holds in a folder.
func (f *Folders) of(folder string) *Scope {
	if len(f.own) == 0 {
		return f.above
	}
	if scope, known := f.scopes[folder]; known {
		return scope
	}
	scope := f.above
	if folder != "." {
		scope = f.of(path.Dir(folder))
	}
	if own := f.own[folder]; own != nil {
		scope = scope.with(own)
	}
	f.scopes[folder] = scope
	return scope
}

// problems are the folders with more than one document of Defaults. Each is told where
// another is.
func (f *Folders) problems() (problems []crontopus.Problem) {
	for _, folder := range slices.Sorted(maps.Keys(f.own)) {
		own := f.own[folder]
		for i, d := range own {
			if len(own) == 1 {
				break
			}
			other := own[0]
			if i == 0 {
				other = own[1]
			}
			problems = append(problems, crontopus.Problem{
				File: d.Path, Line: d.Line, Column: d.Column, Path: "/kind", Code: CodeDuplicateDefaults,
				Message: fmt.Sprintf("the folder has other Defaults in %s:%d", other.Path, other.Line),
				Hint:    "put both into one document, or move one to the folder that it is for",
			})
		}
	}
	return problems
}

// Settle lets read decode files until each was read with the Defaults that hold in its
// folder, and returns what is wrong between the Defaults. Which file has any is known only
// when it was read: those that are named like it come first, so that others are rarely
// read twice. read is given indexes of names, and the scope of each.
func Settle(names []string, above *Scope, read func(which []int, scopes []*Scope) (found [][]*Defaults, err error)) ([]crontopus.Problem, error) {
	folders := newFolders(above)
	done, under := make([]bool, len(names)), make([]*Scope, len(names))
	for round := 0; ; round++ {
		var which []int
		var scopes []*Scope
		for i, name := range names {
			if round == 0 && !namedDefaults(name) {
				continue
			}
			if scope := folders.of(path.Dir(name)); !done[i] || !scope.same(under[i]) {
				which, scopes, under[i] = append(which, i), append(scopes, scope), scope
			}
		}
		if len(which) == 0 && round > 0 {
			return folders.problems(), nil
		}
		found, err := read(which, scopes)
		if err != nil {
			return nil, err
		}
		for k, i := range which {
			if !done[i] {
				folders.add(path.Dir(names[i]), found[k])
			}
			done[i] = true
		}
	}
}

// namedDefaults reports a file that has Defaults, going by its name.
func namedDefaults(name string) bool {
	return strings.Contains(strings.ToLower(path.Base(name)), "defaults")
}
