package importer

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// lazily compiles a pattern when an import first needs it: every command would wait for it.
func lazily(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// decode makes text of what a file holds: UTF-8, UTF-16 with a byte order mark as Windows
// writes it, or else Latin-1, in which every byte is a character. The text has no byte order
// mark any more.
func decode(data []byte) (text string, latin1 bool) {
	var order binary.ByteOrder
	switch {
	case len(data) >= 2 && data[0] == 0xff && data[1] == 0xfe:
		order = binary.LittleEndian
	case len(data) >= 2 && data[0] == 0xfe && data[1] == 0xff:
		order = binary.BigEndian
	case utf8.Valid(data):
		return strings.TrimPrefix(string(data), "\ufeff"), false
	default:
		return fromLatin1(string(data)), true
	}
	units := make([]uint16, 0, len(data)/2)
	for rest := data[2:]; len(rest) >= 2; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return string(utf16.Decode(units)), false
}

// Lines returns the lines of an original as they are read, to show them.
func Lines(data []byte) []string {
	text, _ := decode(data)
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

func fromLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// shown writes a line of an original as a comment may have it: without what a terminal or
// a parser would act on.
func shown(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == '\t' || r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r) && r != utf8.RuneError:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

// numbered returns the lines from one to another that have something in them.
func numbered(lines []string, from, to int) (some []sourceLine) {
	for n := from; n <= min(to, len(lines)); n++ {
		if line := strings.TrimRight(lines[n-1], " \t\r"); line != "" && line != "---" {
			some = append(some, sourceLine{number: n, text: line})
		}
	}
	return some
}
