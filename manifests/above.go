package manifests

import (
	"bytes"
	"io"
	"io/fs"
	"path"

	crontopus "crontopus.dev/crontopus"
)

// maxSearched is how many manifests of a folder are looked at for Defaults when only some
// of its files are read. Where there are more, only those that are named like it are: one
// file is then checked without reading thousands.
const maxSearched = 200

// kindDefaults finds what a file is to be that cannot be read.
var kindDefaults = lazyRegexp(`(?m)^kind:[ \t]*["']?Defaults\b`)

// Above finds the Defaults that hold in a folder of fsys, its own included, for who does not
// read all of fsys, and what is wrong with them. display makes paths of those of fsys.
func Above(fsys fs.FS, folder string, display func(string) string) (*Scope, []crontopus.Problem, error) {
	folders, problems := newFolders(nil), []crontopus.Problem(nil)
	var ignore Ignore
	for _, dir := range pathTo(folder) {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil {
			return nil, nil, err
		}
		rules, err := readRules(fsys, dir)
		if err != nil {
			problems = append(problems, unreadable(display(path.Join(dir, IgnoreFile)), err))
			continue
		}
		if dir == "." {
			ignore.Add("", rules)
		} else {
			ignore.Add(dir, rules)
		}
		var names, named []string
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			if !Reads(entry.Name()) || !entry.Type().IsRegular() || ignore.Match(name, false) {
				continue
			}
			if names = append(names, name); namedDefaults(name) {
				named = append(named, name)
			}
		}
		if len(names) > maxSearched {
			names = named
		}
		for _, name := range names {
			found, wrong := defaultsIn(fsys, name, display(name))
			folders.add(dir, found)
			problems = append(problems, wrong...)
		}
	}
	return folders.of(folder), append(problems, folders.problems()...), nil
}

// pathTo are the folders from the root to one, both included.
func pathTo(folder string) []string {
	if folder == "." {
		return []string{"."}
	}
	return append(pathTo(path.Dir(folder)), folder)
}

// defaultsIn reads the Defaults of a file, and what is wrong with them. What else is in the
// file is not asked for here.
func defaultsIn(fsys fs.FS, name, shown string) (found []*Defaults, problems []crontopus.Problem) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, []crontopus.Problem{unreadable(shown, err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes))
	if err != nil {
		return nil, []crontopus.Problem{unreadable(shown, err)}
	}
	if !bytes.Contains(data, []byte(crontopus.KindDefaults)) {
		return nil, nil
	}
	file := Reader{}.Decode(shown, data, nil)
	for _, d := range file.Defaults {
		problems = append(problems, d.problems...)
	}
	if len(file.Defaults) == 0 && kindDefaults().Match(data) {
		problems = file.Problems
	}
	return file.Defaults, problems
}
