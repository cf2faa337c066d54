package agent

import "bytes"

// walk goes through JSON from its beginning to its end, once. The JSON must be known to be valid, as a
// bundle's is that was accepted; of other input some part comes out, and decoding that part
// says so. It takes a small part of the time of encoding/json, which checks first.
type walk struct{ rest []byte }

// members stops at the value of each member of the object at hand, with the member's name as it is
// written, for names without escapes. A value that is not read meanwhile is passed over.
func (w *walk) members(yield func(name string) bool) {
	w.items(func() bool {
		name := bytes.Trim(w.value(), `"`)
		w.take(':')
		return w.visit(func() bool { return yield(string(name)) })
	})
}

// items stops at each item of the list at hand, under the same conditions.
func (w *walk) items(yield func() bool) {
	if !w.take('[') && !w.take('{') {
		w.value()
		return
	}
	for !w.take(']') && !w.take('}') {
		before := len(w.rest)
		if !w.visit(yield) || len(w.rest) == before {
			return
		}
		w.take(',')
	}
}

// visit lets see read the value at hand, or passes over it.
func (w *walk) visit(see func() bool) bool {
	before := len(w.rest)
	goOn := see()
	if len(w.rest) == before {
		w.value()
	}
	return goOn
}

// value reads the value at hand, whatever it holds.
func (w *walk) value() []byte {
	end := valueEnd(w.rest)
	value := w.rest[:end]
	w.rest = w.rest[end:]
	w.space()
	return value
}

// take reports whether c is at hand, and passes over it.
func (w *walk) take(c byte) bool {
	w.space()
	if len(w.rest) == 0 || w.rest[0] != c {
		return false
	}
	w.rest = w.rest[1:]
	w.space()
	return true
}

func (w *walk) space() {
	for len(w.rest) > 0 && (w.rest[0] == ' ' || w.rest[0] == '\t' || w.rest[0] == '\r' || w.rest[0] == '\n') {
		w.rest = w.rest[1:]
	}
}

// valueEnd returns where the value ends that data begins with.
func valueEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); {
		switch data[i] {
		case '"':
			i += stringEnd(data[i:])
		case '{', '[':
			depth, i = depth+1, i+1
			continue
		case '}', ']':
			if depth == 0 {
				return i // of what the value is in
			}
			depth, i = depth-1, i+1
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			i++
			continue
		default: // a digit or letter of a number, true, false or null
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return len(data)
}

// stringEnd returns where the string ends that data begins with: after the first quote
// that no backslash escapes.
func stringEnd(data []byte) int {
	for from := 1; from < len(data); {
		n := bytes.IndexByte(data[from:], '"')
		if n < 0 {
			break
		}
		end := from + n
		slashes := 0
		for slashes < n && data[end-1-slashes] == '\\' {
			slashes++
		}
		if from = end + 1; slashes%2 == 0 {
			return from
		}
	}
	return len(data)
}
