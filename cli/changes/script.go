package changes

import (
	"fmt"
	"strings"
)

const (
	maxCells   = 1 << 20 // of the table that finds common lines: 1,000 lines against 1,000
	maxContext = 2       // lines that stay, told on either side of what does not
)

// ofText tells how a text of several lines changes, line by line.
func ofText(before, after string) []line {
	all := compareLines(split(before), split(after))
	var lines []line
	skipped := 0
	for i, l := range all {
		if l.sign == ' ' && !near(all, i) {
			skipped++
			continue
		}
		if skipped > 0 {
			lines = append(lines, line{' ', fmt.Sprintf("  … %s as before", count(skipped, "line"))})
			skipped = 0
		}
		lines = append(lines, line{l.sign, "  " + visible(l.text)})
	}
	if skipped > 0 {
		lines = append(lines, line{' ', fmt.Sprintf("  … %s as before", count(skipped, "line"))})
	}
	return lines
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// near reports whether something that does not stay is close to line i.
func near(all []line, i int) bool {
	for _, l := range all[max(0, i-maxContext):min(len(all), i+maxContext+1)] {
		if l.sign != ' ' {
			return true
		}
	}
	return false
}

// compareLines finds which lines stay. What is too much to compare goes and comes as a whole.
func compareLines(before, after []string) (lines []line) {
	same := 0
	for same < len(before) && same < len(after) && before[same] == after[same] {
		lines = append(lines, line{' ', before[same]})
		same++
	}
	before, after = before[same:], after[same:]
	end := 0
	for end < len(before) && end < len(after) && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	tail := after[len(after)-end:]
	before, after = before[:len(before)-end], after[:len(after)-end]
	lines = append(lines, middle(before, after)...)
	for _, text := range tail {
		lines = append(lines, line{' ', text})
	}
	return lines
}

// middle compares by the longest common subsequence.
func middle(before, after []string) (lines []line) {
	if len(before)*len(after) > maxCells {
		for _, text := range before {
			lines = append(lines, line{'-', text})
		}
		for _, text := range after {
			lines = append(lines, line{'+', text})
		}
		return lines
	}
	longest := make([][]int32, len(before)+1) // common lines of what follows
	for i := range longest {
		longest[i] = make([]int32, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for k := len(after) - 1; k >= 0; k-- {
			if before[i] == after[k] {
				longest[i][k] = longest[i+1][k+1] + 1
			} else {
				longest[i][k] = max(longest[i+1][k], longest[i][k+1])
			}
		}
	}
	i, k := 0, 0
	for i < len(before) || k < len(after) {
		switch {
		case i < len(before) && k < len(after) && before[i] == after[k]:
			lines = append(lines, line{' ', before[i]})
			i, k = i+1, k+1
		case k == len(after) || i < len(before) && longest[i+1][k] >= longest[i][k+1]:
			lines = append(lines, line{'-', before[i]})
			i++
		default:
			lines = append(lines, line{'+', after[k]})
			k++
		}
	}
	return lines
}
