package manifests

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
)

// IgnoreFile is the name of the files that say what is not read, in any folder, with the
// patterns of .gitignore.
const IgnoreFile = ".crontopusignore"

// maxRules bounds an IgnoreFile, in bytes.
const maxRules = 1 << 20

// readRules reads the IgnoreFile of a folder, which need not have one. A link is not followed:
// it could lead to what has no end.
func readRules(fsys fs.FS, folder string) ([]byte, error) {
	name := path.Join(folder, IgnoreFile)
	info, err := fs.Lstat(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file, and links are not followed")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rules, err := io.ReadAll(io.LimitReader(f, maxRules+1)) // whatever size it is said to have
	if len(rules) > maxRules {
		return nil, errors.New("it has more than 1 MiB")
	}
	return rules, err
}

// Ignore holds the patterns of a tree's IgnoreFiles. The zero value ignores nothing.
type Ignore struct {
	patterns []pattern
}

// pattern is one line of an IgnoreFile.
type pattern struct {
	folder   string   // of the file that has it, "" for the root
	parts    []string // between slashes; "**" is any number of folders
	negated  bool     // "!": what an earlier pattern left out is read after all
	folders  bool     // "/" at the end: matches folders only
	anywhere bool     // no slash: matches at any depth
}

// Add takes in the IgnoreFile of a folder, given relative to the root, "" for the root
// itself. Folders go in before those that lie in them.
func (ig *Ignore) Add(folder string, text []byte) {
	for line := range strings.Lines(string(text)) {
		if p, ok := parsePattern(strings.TrimRight(line, "\r\n")); ok {
			p.folder = folder
			ig.patterns = append(ig.patterns, p)
		}
	}
}

func parsePattern(line string) (p pattern, ok bool) {
	line = strings.TrimPrefix(line, bom)
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if line == "" || line[0] == '#' {
		return p, false
	}
	if line, p.negated = strings.CutPrefix(line, "!"); line == "" {
		return p, false
	}
	line, p.folders = strings.CutSuffix(line, "/")
	line = plainSlashes(line)
	p.anywhere = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return p, false
	}
	p.parts = strings.Split(line, "/")
	return p, true
}

// plainSlashes takes the backslash away from slashes that have one: they part folders all
// the same.
func plainSlashes(line string) string {
	if !strings.Contains(line, `\/`) {
		return line
	}
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' && i+1 < len(line) {
			if i++; line[i] != '/' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(line[i])
	}
	return b.String()
}

// Match reports whether the path, relative to the root, is left out. The last pattern
// that matches decides, but nothing inside a folder that is left out comes back.
func (ig *Ignore) Match(name string, isFolder bool) bool {
	if len(ig.patterns) == 0 {
		return false
	}
	for i := range len(name) {
		if name[i] == '/' && ig.matchOne(name[:i], true) {
			return true
		}
	}
	return ig.matchOne(name, isFolder)
}

func (ig *Ignore) matchOne(name string, isFolder bool) bool {
	for i := len(ig.patterns) - 1; i >= 0; i-- {
		if ig.patterns[i].match(name, isFolder) {
			return !ig.patterns[i].negated
		}
	}
	return false
}

func (p *pattern) match(name string, isFolder bool) bool {
	if p.folders && !isFolder {
		return false
	}
	if p.folder != "" {
		inside, ok := strings.CutPrefix(name, p.folder+"/")
		if !ok {
			return false
		}
		name = inside
	}
	if p.anywhere {
		return matchPart(p.parts[0], path.Base(name))
	}
	return matchParts(p.parts, strings.Split(name, "/"))
}

// matchParts matches a path folder by folder. A failed "**" goes on from the newest one
// only, which is enough and keeps hostile patterns cheap.
func matchParts(parts, names []string) bool {
	star, retry := -1, 0
	i := 0
	for n := 0; n < len(names); {
		switch {
		case i < len(parts) && parts[i] == "**":
			if i == len(parts)-1 {
				return true // all that lies inside, at least one name
			}
			star, retry = i, n
			i++
		case i < len(parts) && matchPart(parts[i], names[n]):
			i, n = i+1, n+1
		case star >= 0:
			retry++
			i, n = star+1, retry
		default:
			return false
		}
	}
	return i == len(parts)
}
