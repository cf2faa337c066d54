package manifests

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/token"

	crontopus "crontopus.dev/crontopus"
)

// Text is one YAML document of a file as its author wrote it.
type Text struct {
	Body  string // its lines, a leading "---" included, with LF as the only line break
	Line  int    // how many lines of the file come before it
	Value any    // what it decodes to; nil if it is empty

	Comments []string // in order, without the sign and the spaces around
}

// Kind returns the kind of the manifest that the document is, or nothing if it is none.
func (t Text) Kind() string {
	m, _ := t.Value.(map[string]any)
	if m["apiVersion"] != crontopus.APIVersion {
		return ""
	}
	return text(m, "kind")
}

// Texts takes a file apart for who changes how it is written, not what it says: behind the
// same guard as Decode, but no schema and no rule is asked, nor what a value may be. A file that opts out has no
// documents. A document that is no manifest and uses more of YAML than is read here is
// left out, too; anything else that cannot be read is a problem.
func Texts(file string, data []byte) ([]Text, []crontopus.Problem) {
	r := &reader{file: file}
	if ignored(data) {
		return nil, nil
	}
	body, ok := r.guard(data)
	if !ok {
		return nil, r.problems
	}
	var texts []Text
	for _, p := range split(body) {
		if r.tokens > maxTokens || r.full() {
			break
		}
		d := &document{reader: r, piece: p}
		before := len(r.problems)
		t := Text{Body: p.text, Line: p.line}
		t.Value, t.Comments = d.decode()
		r.problems = slices.DeleteFunc(r.problems, func(p crontopus.Problem) bool {
			return p.Code == CodeHiddenCharacter || p.Code == CodeNumber // they do not hide where anything stands
		})
		if found := r.problems[before:]; len(found) > 0 && found[0].Code == CodeYAMLFeature && !strings.Contains(p.text, crontopus.APIVersion) {
			r.problems = r.problems[:before]
			continue
		}
		texts = append(texts, t)
	}
	Sort(r.problems)
	return texts, r.problems
}

// decode returns what the document says, and the comments in it.
func (d *document) decode() (value any, comments []string) {
	tokens, ok := d.tokenize()
	if !ok || len(tokens) == 0 {
		return nil, nil
	}
	for _, tk := range tokens {
		if tk.Type == token.CommentType {
			comments = append(comments, strings.TrimSpace(tk.Value))
		}
	}
	if d.body, ok = d.parse(tokens); ok && d.body != nil {
		value = d.value(d.body, make([]string, 0, 8))
	}
	return value, comments
}

// Files lists the files of manifests under root, as Load reads them, in order. The
// problems are files that cannot be read as such.
func Files(fsys fs.FS, root string) ([]string, []crontopus.Problem, error) {
	return files(fsys, root, func(name string) string { return name })
}
