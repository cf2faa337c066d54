package diff

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Field is one field that is not as before. A value is JSON as a manifest would say it;
// lists are values. What is not there is nil.
type Field struct {
	Path   string          `json:"path"` // a JSON pointer into the manifest
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// fields compares two manifests field by field, in the order of a manifest; nil is none.
func fields(before, after any) []Field {
	was, is := leaves(before), leaves(after)
	old := make(map[string]int, len(was))
	for i, f := range was {
		old[f.path] = i
	}
	found := []Field{}
	next := 0
	gone := func(upTo int) { // what was there before a field that still is, and is not any more
		for ; next < upTo; next++ {
			found = append(found, Field{Path: was[next].path, Before: was[next].value})
		}
	}
	for _, f := range is {
		i, existed := old[f.path]
		if !existed {
			found = append(found, Field{Path: f.path, After: f.value})
			continue
		}
		gone(i)
		if !bytes.Equal(was[i].value, f.value) {
			found = append(found, Field{Path: f.path, Before: was[i].value, After: f.value})
		}
		next = i + 1
	}
	gone(len(was))
	return found
}

// leaf is a value that is no object, and its JSON pointer.
type leaf struct {
	path  string
	value json.RawMessage
}

// leaves lists the fields in the order of their JSON, which is that of a manifest, maps by
// their keys. Two manifests of one kind thus have what they both say in the same order.
func leaves(manifest any) []leaf {
	data, err := json.Marshal(manifest)
	if err != nil {
		return nil // a manifest always marshals: Digest relies on it, too
	}
	var list []leaf
	walk(json.NewDecoder(bytes.NewReader(data)), "", func(path string, value json.RawMessage) {
		list = append(list, leaf{path, value})
	})
	return list
}

// walk reads an object whose opening brace comes next, or null, which has nothing.
func walk(d *json.Decoder, path string, visit func(path string, value json.RawMessage)) {
	_, _ = d.Token() // {; of our own JSON nothing fails
	for d.More() {
		key, _ := d.Token()
		name, _ := key.(string)
		at := path + "/" + escapeKey.Replace(name)
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return
		}
		if bytes.HasPrefix(value, []byte("{")) {
			walk(json.NewDecoder(bytes.NewReader(value)), at, visit)
			continue
		}
		visit(at, value)
	}
}

// escapeKey writes a key as a JSON pointer has it.
var escapeKey = strings.NewReplacer("~", "~0", "/", "~1")
