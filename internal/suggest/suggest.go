// Package suggest finds what a person who mistyped a word most likely meant. It knows
// nothing of jobs. Every package may import it.
package suggest

// Nearest returns the candidate with the smallest edit distance to word, the first of
// equals, or "" when none is near: more than two edits away, or more than a third of the
// word's length, is a different word and no typo.
func Nearest(word string, candidates []string) string {
	limit := min(2, max(1, len([]rune(word))/3))
	best, bestDistance := "", limit+1
	for _, c := range candidates {
		if d := distance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) == 0 || len(t) == 0 {
		return max(len(s), len(t))
	}
	// Three rows are enough: the one being filled, the one above, and, for swaps, the one above that.
	above2, above, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], above2[j-1]+1)
			}
		}
		above2, above, row = above, row, above2
	}
	return above[len(t)]
}
