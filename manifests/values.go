package manifests

import (
	crontopus "crontopus.dev/crontopus"
)

// Values decodes a file of one YAML document that is no manifest to maps, slices and scalars.
// It is as safe for input from anyone as Decode, and has the same limits.
func Values(file string, data []byte) (any, []crontopus.Problem) {
	r := &reader{file: file}
	text, ok := r.guard(data)
	if !ok {
		return nil, r.problems
	}
	for _, p := range split(text) {
		d := &document{reader: r, piece: p}
		tokens, ok := d.tokenize()
		if !ok || len(tokens) == 0 {
			continue
		}
		if d.body, ok = d.parse(tokens); ok && d.body != nil {
			return d.value(d.body, nil), r.problems
		}
	}
	return nil, r.problems
}
