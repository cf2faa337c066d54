package manifests

import "strings"

// matchPart matches one name against a glob as fnmatch(3) does: "*", "?", "[a-z]", "[!a]",
// and a backslash that takes the next character as itself. A failed "*" goes on from the
// newest one only, so the time is bounded by the product of the lengths. Like Git, it compares bytes.
func matchPart(glob, name string) bool {
	star, retry := -1, 0
	g, n := 0, 0
	for n < len(name) {
		if g < len(glob) && glob[g] == '*' {
			star, retry = g, n
			g++
			continue
		}
		if next, ok := matchOne(glob, g, name[n]); ok {
			g, n = next, n+1
			continue
		}
		if star < 0 {
			return false
		}
		retry++
		g, n = star+1, retry
	}
	return strings.Trim(glob[g:], "*") == ""
}

// matchOne matches one character and returns where the glob goes on.
func matchOne(glob string, g int, c byte) (next int, ok bool) {
	if g >= len(glob) {
		return g, false
	}
	switch glob[g] {
	case '?':
		return g + 1, true
	case '[':
		return matchClass(glob, g, c)
	case '\\':
		if g+1 < len(glob) {
			return g + 2, glob[g+1] == c
		}
		return g, false
	}
	return g + 1, glob[g] == c
}

// matchClass matches "[…]". A class without end matches nothing.
func matchClass(glob string, g int, c byte) (next int, ok bool) {
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

func classCharacter(glob string, i int) (c byte, next int) {
	if glob[i] == '\\' && i+1 < len(glob) {
		i++
	}
	return glob[i], i + 1
}
