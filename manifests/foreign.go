package manifests

import (
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// Foreign is a YAML document of another program's.
type Foreign struct {
	Value       any // maps, slices and scalars
	First, Last int // its lines
}

// ReadForeign reads all documents of a file that another program has written, with the care
// and the limits of Decode. What no manifest may hold and others may, such as line breaks in
// any text, is no problem here.
func ReadForeign(file string, data []byte) ([]Foreign, []crontopus.Problem) {
	r := &reader{file: file}
	text, ok := r.guard(data)
	if !ok {
		return nil, r.problems
	}
	var documents []Foreign
	for _, p := range split(text) {
		if r.tokens > maxTokens || r.full() {
			break
		}
		d := &document{reader: r, piece: p}
		tokens, ok := d.tokenize()
		if !ok || len(tokens) == 0 {
			continue
		}
		if d.body, ok = d.parse(tokens); ok && d.body != nil {
			documents = append(documents, Foreign{Value: d.value(d.body, nil), First: p.line + 1, Last: p.line + strings.Count(p.text, "\n")})
		}
	}
	r.problems = slices.DeleteFunc(r.problems, func(p crontopus.Problem) bool {
		return p.Code == CodeHiddenCharacter || p.Code == CodeNumber
	})
	Sort(r.problems)
	return documents, r.problems
}
