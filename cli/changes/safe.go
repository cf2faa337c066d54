package changes

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"crontopus.dev/crontopus/internal/safetext"
)

// How much of one value is shown, in characters; JSON has all.
const (
	widest     = 200
	widestLine = 1000 // of a crontab: cron itself takes no more
)

// visible is a text that commands nobody, of which no more is shown than people read.
func visible(s string) string { return cut(safetext.Line(s), widest) }

// cut shortens a text and counts what it leaves out.
func cut(s string, width int) string {
	n := utf8.RuneCountInString(s)
	if n <= width {
		return s
	}
	end := 0
	for range width {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return fmt.Sprintf("%s… (%d more characters)", s[:end], n-width)
}

// few lists names, and counts those beyond the first ten.
func few(names []string) string {
	const shown = 10
	var list []string
	for _, name := range names[:min(shown, len(names))] {
		list = append(list, visible(name))
	}
	if len(names) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list, ", "), len(names)-shown)
}

// code is a text in Markdown that nothing in it can leave: neither markup nor mentions mean
// anything inside.
func code(s string) string {
	s = safetext.Line(s)
	fence := strings.Repeat("`", longestRun(s)+1)
	if s == "" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.TrimSpace(s) != s {
		s = " " + s + " " // of nothing at all no code can be made
	}
	return fence + s + fence
}

// fenced is a block of lines that nothing in them can leave.
func fenced(language string, lines []string) string {
	body := strings.Join(lines, "\n")
	fence := strings.Repeat("`", max(3, longestRun(body)+1))
	return fence + language + "\n" + body + "\n" + fence + "\n"
}

// longestRun counts the backquotes that follow each other.
func longestRun(s string) (longest int) {
	run := 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
