package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// story tells what happens, a line a step, with the time since the chapter began.
type story struct {
	out   io.Writer
	begun time.Time
}

// chapter begins a new part of the story and its clock.
func (s *story) chapter(format string, args ...any) {
	fmt.Fprintf(s.out, "\n%s\n", fmt.Sprintf(format, args...))
	s.begun = time.Now()
}

// step tells one step that has just been seen.
func (s *story) step(what, format string, args ...any) { s.stepAt(time.Now(), what, format, args...) }

// stepAt tells one step that happened at a known time.
func (s *story) stepAt(at time.Time, what, format string, args ...any) {
	elapsed := max(at.Sub(s.begun), 0)
	fmt.Fprintf(s.out, "  %8s  %-16s  %s\n", fmt.Sprintf("%.3fs", elapsed.Seconds()), what, fmt.Sprintf(format, args...))
}

// quote shows lines of a file or of somebody's words.
func (s *story) quote(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "            │ %s\n", strings.TrimRight(line, "\n"))
	}
}

// say tells a line outside the clock.
func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }
