package crontab

import (
	"bytes"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

const (
	beginMarker = "# BEGIN crontopus"
	endMarker   = "# END crontopus"
	// newlineNote is the block's own record that the newline before it was not there,
	// so that taking the block out gives the file back byte for byte.
	newlineNote = "# (the newline before this block belongs to it)"
)

// table is a crontab, cut into what is somebody else's and what is ours.
type table struct {
	before, after []byte // foreign, on either side of the block's place
	newline       bool   // the last byte of before, a newline, is ours
	observed      agent.Observed
}

// parse cuts a crontab. Between a BEGIN and the END that follows it everything is ours.
// A marker that lost its partner still says that entries stand near it, so on its side,
// up to the next marker, the lines that can only be ours (form says which) are taken,
// and every other line stays foreign. Lines near no marker are never taken.
func parse(data []byte, form form) table {
	lines := splitLines(data)
	blocks := findBlocks(lines, form)
	t := table{before: data}
	if len(blocks) == 0 {
		return t
	}
	main := mainBlock(blocks)
	ours := make([]bool, len(lines))
	for _, b := range blocks {
		for _, i := range b.lines {
			ours[i] = true
		}
	}
	t.before = nil
	for i, line := range lines {
		switch {
		case ours[i]:
		case i < blocks[main].lines[0]:
			t.before = append(t.before, line...)
		default:
			t.after = append(t.after, line...)
		}
	}
	t.observed = observe(lines, blocks, main, form)
	t.newline = hasNote(lines, blocks[main]) && endsAnOpenLine(t.before)
	return t
}

// render puts the crontab together with these entries in its block, or without a block
// when there are none.
func (t *table) render(entries []agent.Native) []byte {
	before, newline := t.before, t.newline
	if len(entries) == 0 {
		if newline && len(t.after) == 0 {
			before = before[:len(before)-1]
		}
		return slices.Concat(before, t.after)
	}
	var out bytes.Buffer
	out.Write(before)
	if len(before) > 0 && !bytes.HasSuffix(before, []byte("\n")) {
		out.WriteByte('\n')
		newline = true
	}
	out.WriteString(beginMarker + "\n")
	if newline {
		out.WriteString(newlineNote + "\n")
	}
	for _, e := range entries {
		out.WriteString(e.Text + "\n")
	}
	out.WriteString(endMarker + "\n")
	out.Write(t.after)
	return out.Bytes()
}

// block is one stretch of lines that is ours: both markers and all between them, or one
// lone marker with the entries that stand on its side.
type block struct {
	lines []int // indices, rising, markers included
	whole bool
	lone  string // the marker, of a block that is not whole
}

func findBlocks(lines [][]byte, form form) []block {
	var blocks []block
	begin, free := -1, 0 // the open BEGIN; the first line after the last marker
	for i, line := range lines {
		switch marker(line) {
		case beginMarker:
			if begin >= 0 {
				blocks = append(blocks, loneBegin(lines, begin, i, form))
			}
			begin = i
		case endMarker:
			if begin >= 0 {
				blocks = append(blocks, block{lines: span(begin, i+1), whole: true})
			} else {
				blocks = append(blocks, loneEnd(lines, free, i, form))
			}
			begin, free = -1, i+1
		}
	}
	if begin >= 0 {
		blocks = append(blocks, loneBegin(lines, begin, len(lines), form))
	}
	return blocks
}

func loneBegin(lines [][]byte, begin, end int, form form) block {
	b := block{lines: []int{begin}, lone: beginMarker}
	for i := begin + 1; i < end; i++ {
		if isNote(lines[i]) || form.owns(lines[i]) {
			b.lines = append(b.lines, i)
		}
	}
	return b
}

func loneEnd(lines [][]byte, from, end int, form form) block {
	b := block{lone: endMarker}
	for i := from; i < end; i++ {
		if isNote(lines[i]) || form.owns(lines[i]) {
			b.lines = append(b.lines, i)
		}
	}
	b.lines = append(b.lines, end)
	return b
}

// mainBlock chooses the block whose place and entries count: the first whole one, else
// the first.
func mainBlock(blocks []block) int {
	return max(0, slices.IndexFunc(blocks, func(b block) bool { return b.whole }))
}

// observe reads the entries of the main block; all that should not be there is damage.
func observe(lines [][]byte, blocks []block, main int, form form) agent.Observed {
	var o agent.Observed
	damaged := func(kind crontopus.DriftKind, entry, detail string) {
		o.Damage = append(o.Damage, crontopus.Drift{Entry: entry, Kind: kind, Detail: detail})
	}
	texts := map[crontopus.JobName][]string{}
	for n, b := range blocks {
		if !b.whole {
			damaged(crontopus.DriftDamaged, b.lone, "this marker stood without its partner")
		} else if n != main {
			damaged(crontopus.DriftDamaged, beginMarker, "the block was there more than once")
		}
		for _, i := range b.lines {
			text := strings.TrimRight(string(lines[i]), "\r\n")
			job, isEntry := form.job(text)
			switch {
			case marker(lines[i]) != "" || isNote(lines[i]):
			case n == main && isEntry:
				texts[job] = append(texts[job], text)
			case n == main:
				damaged(crontopus.DriftUnexpected, text, text)
			default:
				damaged(crontopus.DriftDamaged, text, text)
			}
		}
	}
	for job, found := range texts {
		o.Entries = append(o.Entries, agent.Native{Job: job, Text: strings.Join(found, "\n")})
	}
	slices.SortFunc(o.Entries, func(a, b agent.Native) int { return a.Job.Compare(b.Job) })
	return o
}

// hasNote reports whether the block begins with the note, its marker aside.
func hasNote(lines [][]byte, b block) bool {
	for _, i := range b.lines[:min(2, len(b.lines))] {
		if isNote(lines[i]) {
			return true
		}
	}
	return false
}

// endsAnOpenLine reports whether data's last byte can be a newline that was added: one
// that ends a line with something in it.
func endsAnOpenLine(data []byte) bool {
	n := len(data)
	return n >= 2 && data[n-1] == '\n' && data[n-2] != '\n'
}

func isNote(line []byte) bool { return string(bytes.TrimSpace(line)) == newlineNote }

// marker returns which marker the line is, or "". Blanks around it and a carriage
// return do not hide a marker.
func marker(line []byte) string {
	switch text := string(bytes.TrimSpace(line)); text {
	case beginMarker, endMarker:
		return text
	}
	return ""
}

// splitLines cuts data after every newline; joined, the lines are data again.
func splitLines(data []byte) [][]byte {
	return slices.Collect(bytes.Lines(data))
}

func span(from, to int) []int {
	s := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}
