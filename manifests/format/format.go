// Package format writes manifests in the one way in which all are written: fields in the
// order of the schema, two spaces for each level, one before a comment, and no more blank
// lines than one. It changes how a manifest is written and never what it says: comments,
// quotes, blocks of text, and the line breaks inside brackets stay the author's.
//
// A document is read to a tree of its lines (block.go, flow.go), its fields are put in
// order (order.go), and the tree is written (write.go). What comes out is read again, and
// has to say the same.
//
// It imports the root, manifests and schema.
package format

import (
	"reflect"
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schema"
)

// Format returns a file's text as it should be written. What is no manifest stays byte for
// byte as it is, and so does the whole file if there is a problem.
func Format(file string, data []byte) ([]byte, []crontopus.Problem) {
	texts, problems := manifests.Texts(file, data)
	if len(problems) > 0 {
		return data, problems
	}
	var out strings.Builder
	lines := strings.SplitAfter(string(data), "\n")
	next := 0 // the first of them that is not written yet
	for _, t := range texts {
		fields := schema.Fields(t.Kind())
		if t.Kind() == "" || fields == nil {
			continue
		}
		doc, ok := parse(t.Body)
		if !ok {
			return data, []crontopus.Problem{beyond(file, t)}
		}
		doc.order(fields)
		out.WriteString(asTheyAre(lines[next:t.Line], next == 0))
		out.WriteString(doc.write())
		next = min(t.Line+strings.Count(t.Body, "\n"), len(lines))
	}
	if next == 0 {
		return data, nil
	}
	out.WriteString(asTheyAre(lines[next:], false))
	formatted := []byte(out.String())
	if t, same := compare(texts, formatted); !same {
		return data, []crontopus.Problem{beyond(file, t)}
	}
	return formatted, nil
}

// asTheyAre returns the lines between two manifests. Blank ones alone are nothing.
func asTheyAre(lines []string, first bool) string {
	text := strings.Join(lines, "")
	if bare := strings.TrimSpace(text); bare == "" || first && bare == "\ufeff" {
		return ""
	}
	return text
}

// compare reads what was written, and returns the first document that does not say what
// it said before.
func compare(texts []manifests.Text, formatted []byte) (manifests.Text, bool) {
	again, problems := manifests.Texts("", formatted)
	for i, t := range texts {
		if len(problems) > 0 || i >= len(again) || !reflect.DeepEqual(t.Value, again[i].Value) || !sameComments(t, again[i]) {
			return t, false
		}
	}
	return manifests.Text{}, true
}

// sameComments reports whether no comment was lost. Some have another place, for they go
// with their fields.
func sameComments(a, b manifests.Text) bool {
	return slices.Equal(slices.Sorted(slices.Values(a.Comments)), slices.Sorted(slices.Values(b.Comments)))
}

func beyond(file string, t manifests.Text) crontopus.Problem {
	return crontopus.Problem{File: file, Line: t.Line + 1, Column: 1, Code: crontopus.CodeUnsupported,
		Message: "the document is written in a way that cannot be formatted without changing what it says",
		Hint:    "write it more plainly; the file stays as it is"}
}
