package failpoint_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is a crontab as somebody reads it who knows its format from the documentation
// only: this file shares no code with the agent.
type table struct {
	foreign string   // every byte outside the block
	entries []string // "SCHEDULE JOB" of every line in the block
}

var entryLine = regexp.MustCompile(`^(\S+ \S+ \S+ \S+ \S+) /\S+/crontopus-agent exec --config /\S+ (\S+)$`)

// readTable returns an error unless the crontab is one that cron would take whole.
func readTable(data string) (table, error) {
	var read table
	within := false
	for line := range strings.Lines(data) {
		text, whole := strings.CutSuffix(line, "\n")
		switch {
		case !whole:
			return read, fmt.Errorf("the line %q is cut off", line)
		case text == "# BEGIN crontopus" && !within:
			within = true
		case text == "# END crontopus" && within:
			within = false
		case within:
			parts := entryLine.FindStringSubmatch(text)
			if parts == nil {
				return read, fmt.Errorf("in the block, and no entry: %q", text)
			}
			read.entries = append(read.entries, parts[1]+" "+parts[2])
		default:
			read.foreign += line
		}
	}
	if within {
		return read, errors.New("the block does not end")
	}
	slices.Sort(read.entries)
	return read, nil
}

// generation is a set of jobs, by name, with their schedules.
type generation map[string]string

// entries are those that a crontab has, whole, when the generation is in force.
func (g generation) entries() []string {
	var all []string
	for name, schedule := range g {
		all = append(all, schedule+" default/"+name)
	}
	slices.Sort(all)
	return all
}

// manifest says the generation as an engineer would, with a command for every job.
func (g generation) manifest(command string) string {
	var b strings.Builder
	for name, schedule := range g {
		fmt.Fprintf(&b, "---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: %s}\n"+
			"spec: {schedule: %q, timezone: host, target: {all: true}, run: {command: %s}}\n", name, schedule, command)
	}
	return b.String()
}

func TestTheCheckerKnowsHalfACrontab(t *testing.T) {
	const foreign, block = "# mine\n5 * * * * true\n", "# BEGIN crontopus\n" +
		"0 3 * * * /usr/bin/crontopus-agent exec --config /etc/a.yaml default/a\n# END crontopus\n"
	read, err := readTable(foreign + block + "@daily true\n")
	require.NoError(t, err)
	require.Equal(t, table{foreign + "@daily true\n", generation{"a": "0 3 * * *"}.entries()}, read)

	read, err = readTable(foreign)
	require.NoError(t, err)
	require.Equal(t, table{foreign: foreign}, read)

	for cut := 1; cut < len(block); cut++ {
		_, err := readTable(foreign + block[:cut])
		require.Errorf(t, err, "%q", block[:cut])
	}
}
