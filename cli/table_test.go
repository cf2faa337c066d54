package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTableAlignsColumnsByTheirWidestCell(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	tab := &table{}
	tab.columns("NAME", "STATE", "LAST")
	tab.row("db-01", "online", "3s ago")
	tab.row("a-very-long-name", "offline", "-")
	require.NoError(t, tab.write(&b))
	require.Equal(t, strings.TrimLeft(`
NAME              STATE    LAST
db-01             online   3s ago
a-very-long-name  offline  -
`, "\n"), b.String())
}

func TestTableCountsCharactersNotBytes(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	tab := &table{}
	tab.row("Übersicht", "x")
	tab.row("plain", "y")
	require.NoError(t, tab.write(&b))
	require.Equal(t, "Übersicht  x\nplain      y\n", b.String())
}

func TestTableLetsNothingSteerTheTerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	tab := &table{}
	tab.row("a\x1b[2Jb", "two\nlines", "left\u202eright", "bell\a")
	require.NoError(t, tab.write(&b))
	require.Equal(t, "a[2Jb  two lines  leftright  bell\n", b.String())
}

func TestTableColorsStatesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	paint := func(color bool) string {
		var b bytes.Buffer
		tab := &table{style: style{color: color}}
		tab.columns("STATE", "NOTE")
		tab.row("failed", "why")
		require.NoError(t, tab.write(&b))
		return b.String()
	}
	require.Equal(t, "STATE   NOTE\nfailed  why\n", paint(false))
	require.Equal(t, bold+"STATE"+plain+"   "+bold+"NOTE"+plain+"\n"+red+"failed"+plain+"  why\n", paint(true))
}

func TestTimesAreRelativeOnATerminalOnly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	eyes, tools := style{terminal: true, now: now}, style{now: now}
	for _, c := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"this instant", now, "now"},
		{"seconds ago", now.Add(-42 * time.Second), "42s ago"},
		{"minutes ahead", now.Add(5*time.Minute + time.Second), "in 5m"},
		{"hours, up to two days", now.Add(-47 * time.Hour), "47h ago"},
		{"days", now.Add(-72 * time.Hour), "3d ago"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, eyes.time(&c.at))
			require.Equal(t, c.at.Format(time.RFC3339), tools.time(&c.at))
		})
	}
	require.Equal(t, "-", eyes.time(nil))
	require.Equal(t, "-", tools.time(&time.Time{}))
}

func TestParseLabels(t *testing.T) {
	t.Parallel()
	got, err := parseLabels("label", []string{"role=db", "site=a=b", "empty="})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"role": "db", "site": "a=b", "empty": ""}, got)
	require.Equal(t, "empty=,role=db,site=a=b", labels(got))

	_, err = parseLabels("label", []string{"role"})
	require.EqualError(t, err, `"role" is not a label`)
	_, err = parseLabels("label", []string{"role=db", "role=web"})
	require.EqualError(t, err, `the label "role" is given twice`)
}
