package manifests

import (
	"strings"
	"unicode/utf8"
)

// matchPart matches one name against a glob as fnmatch(3) does: "*", "?", "[a-z]", "[!a]",
// and a backslash that takes the next character as itself. A failed "*" goes on from the
// newest one only, so the time is bounded by the product of the lengths.
func matchPart(glob, name string) bool {
	star, retry := -1, 0
	g, n := 0, 0
	for n < len(name) {
		if g < len(glob) && glob[g] == '*' {
			star, retry = g, n
			g++
			continue
		}
		c, size := utf8.DecodeRuneInString(name[n:])
		if next, ok := matchOne(glob, g, c); ok {
			g, n = next, n+size
			continue
		}
		if star < 0 {
			return false
		}
		_, size = utf8.DecodeRuneInString(name[retry:])
		retry += size
		g, n = star+1, retry
	}
	return strings.Trim(glob[g:], "*") == ""
}

// matchOne matches one character and returns where the glob goes on.
func matchOne(glob string, g int, c rune) (next int, ok bool) {
	if g >= len(glob) {
		return g, false
	}
	want, size := utf8.DecodeRuneInString(glob[g:])
	switch want {
	case '?':
		return g + 1, true
	case '[':
		return matchClass(glob, g, c)
	case '\\':
		if g+1 < len(glob) {
			want, size = utf8.DecodeRuneInString(glob[g+1:])
			return g + 1 + size, want == c
		}
		return g, false
	}
	return g + size, want == c
}

// matchClass matches "[…]". A class without end matches nothing.
func matchClass(glob string, g int, c rune) (next int, ok bool) {
	i := g + 1
	negated := i < len(glob) && (glob[i] == '!' || glob[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(glob); first = false {
		if glob[i] == ']' && !first {
			return i + 1, ok != negated
		}
		low, after := classCharacter(glob, i)
		high := low
		if after+1 < len(glob) && glob[after] == '-' && glob[after+1] != ']' {
			high, after = classCharacter(glob, after+1)
		}
		if low <= c && c <= high {
			ok = true
		}
		i = after
	}
	return g, false
}

func classCharacter(glob string, i int) (c rune, next int) {
	if glob[i] == '\\' && i+1 < len(glob) {
		i++
	}
	c, size := utf8.DecodeRuneInString(glob[i:])
	return c, i + size
}
