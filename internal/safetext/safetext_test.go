package safetext_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/internal/safetext"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", "jobs/a.yaml:1:2: odd", "jobs/a.yaml:1:2: odd"},
		{"other scripts", "Överföring 夜", "Överföring 夜"},
		{"a command", "::add-mask::x", "·:add-mask::x"},
		{"a command behind blanks", " \t::add-mask::x", " ··:add-mask::x"},
		{"colons that command nothing", "a::b", "a::b"},
		{"an older command", "a ##[group]b", "a #·[group]b"},
		{"a second line", "a\n::set-env x", "a·::set-env x"},
		{"a carriage return", "a\r::b", "a·::b"},
		{"colours", "\x1b[31mred", "·[31mred"},
		{"the other direction", "a\u202eb\u200bc", "a·b·c"},
		{"no UTF-8", "a\xff\xfeb", "a·b"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, safetext.Line(c.in)) })
	}
}

func TestLinesStayLines(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\n·:b\n\n  ·:c", safetext.Lines("a\n::b\n\n  ::c"))
}

func TestNothingCommandsAnybody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringOf(rapid.SampledFrom([]rune(":# [\t\n\r\x1b\u202ea"))).Draw(t, "text")
		line := safetext.Line(in)
		require.NotContains(t, line, "\n")
		require.NotContains(t, line, "##[")
		require.NotContains(t, line, "\x1b")
		require.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), line)
		require.True(t, utf8.ValidString(line))
		require.Equal(t, line, safetext.Line(line), "once is enough")
	})
}
