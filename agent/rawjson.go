package agent

import (
	"bytes"
	"iter"
)

// members yields the members of a JSON object, their values unread and their names as they are
// written, for names without escapes. The JSON must be
// known to be valid, as a bundle's is that was accepted; of other input some part comes out, and
// decoding that part says so. It takes a tenth of the time of encoding/json, which checks first.
func members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		rest := inside(object)
		for len(rest) > 0 {
			end := valueEnd(rest)
			name := bytes.Trim(rest[:end], `"`)
			rest = bytes.TrimLeft(rest[end:], " \t\r\n:")
			end = valueEnd(rest)
			if !yield(string(name), rest[:end]) {
				return
			}
			rest = bytes.TrimLeft(rest[end:], " \t\r\n,")
		}
	}
}

// items yields the items of a JSON list, unread, under the same condition.
func items(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest := inside(list)
		for len(rest) > 0 {
			end := valueEnd(rest)
			if end == 0 || !yield(rest[:end]) {
				return
			}
			rest = bytes.TrimLeft(rest[end:], " \t\r\n,")
		}
	}
}

// inside returns what stands between the brackets of an object or list.
func inside(value []byte) []byte {
	value = bytes.TrimSpace(value)
	if len(value) < 2 || (value[0] != '{' && value[0] != '[') {
		return nil
	}
	return bytes.TrimSpace(value[1 : len(value)-1])
}

// valueEnd returns where the value ends that data begins with.
func valueEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i += stringEnd(data[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue // a digit or letter of a number, true, false or null
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return len(data)
}

// stringEnd returns where the string ends that data begins with: after the first quote
// that no backslash escapes.
func stringEnd(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}
