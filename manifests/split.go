package manifests

import "strings"

// piece is one YAML document's text, its own "---" line included, and how many lines of
// the file come before it.
type piece struct {
	text string
	line int
}

// split cuts text into documents. YAML allows the markers at the beginning of a line
// nowhere else, so lines are enough to go by. Each document is then read alone: what is
// wrong in one hides nothing in the next. (The parser, given all of them, drops
// everything after two "---" in a row.)
func split(text string) []piece {
	var pieces []piece
	start, startLine, line := 0, 0, 0
	cut := func(end, endLine int) {
		if strings.TrimSpace(text[start:end]) != "" {
			pieces = append(pieces, piece{text[start:end], startLine})
		}
		start, startLine = end, endLine
	}
	for at := 0; at < len(text); line++ {
		end := at + strings.IndexByte(text[at:], '\n') + 1
		if end == at {
			end = len(text)
		}
		switch current := text[at:end]; {
		case isMarker(current, "---"):
			cut(at, line)
		case isMarker(current, "..."):
			cut(end, line+1)
		}
		at = end
	}
	cut(len(text), line)
	return pieces
}

func isMarker(line, marker string) bool {
	rest, found := strings.CutPrefix(line, marker)
	return found && (rest == "" || strings.ContainsAny(rest[:1], " \t\n"))
}
