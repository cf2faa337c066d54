package agent

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASpoolFilesNameTellsWhatIsInIt(t *testing.T) {
	const id = "01a22afa-697b-7d01-a47e-928e4d95f8cf"
	for _, want := range []spooled{{id, false, 0, 1}, {id, true, 497, 1}, {id, true, 99_999, 64}, {spooled{id: id}.nth(5), true, 7, 2}} {
		got, ok := spooledAs(want.name())
		require.True(t, ok, want.name())
		require.Equal(t, want, got)
	}
	for _, name := range []string{
		"", "lock", "damaged", "dropped.json", ".crontopus-1488207803", id, id + ".final", id + ".final.5", id + ".final.5.json.tmp",
		id + ".other.5.json", id + ".final.json", id + ".final..json", id + ".final.-5.json", id + ".final.05.json", id + ".final.five.json",
		id + ".final.5x.json", id + ".final.5x0.json", id + ".final.5x1.json", id + ".final.5x-2.json", id + ".final.5x2x3.json", id + ".final.5.2.json",
		"01A22AFA-697B-7D01-A47E-928E4D95F8CF.final.5.json", "{" + id + "}.final.5.json", "01a22afa-697b-4d01-a47e-928e4d95f8cf.final.5.json", "x" + id[1:] + ".final.5.json",
	} {
		_, ok := spooledAs(name)
		require.False(t, ok, name)
	}
}
