// Package safetext makes texts that strangers wrote fit for a terminal and for the log of a
// CI, both of which obey some of what they are shown. It knows nothing of jobs. Every package
// may import it.
package safetext

import (
	"strconv"
	"strings"
)

// Line keeps a text on its line. What a terminal would act on, or nobody would see, becomes
// a dot, and so does a part of what the runners of GitHub and Forgejo take for a command: "::"
// where a line begins, however far it is indented, and "##[" anywhere.
func Line(s string) string {
	rest := strings.TrimLeft(s, " \t")
	if strings.HasPrefix(rest, "::") {
		s = s[:len(s)-len(rest)] + "·" + rest[1:]
	}
	s = strings.ReplaceAll(s, "##[", "#·[")
	return strings.Map(func(c rune) rune {
		if c != ' ' && !strconv.IsPrint(c) {
			return '·'
		}
		return c
	}, strings.ToValidUTF8(s, "·"))
}

// Lines is Line for each line of a text.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Line(line)
	}
	return strings.Join(lines, "\n")
}
