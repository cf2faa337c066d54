package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestThePageOnArchitectureNamesEveryRoom(t *testing.T) {
	t.Parallel()
	var named string // the first cells of the page's table
	files(t, func(name string, data []byte) {
		if name != "docs/architecture.md" {
			return
		}
		for line := range strings.Lines(string(data)) {
			if cells := strings.Split(line, "|"); len(cells) == 5 {
				named += cells[1]
			}
		}
	})
	for _, pkg := range slices.Sorted(maps.Keys(rooms)) {
		if pkg != "" && !strings.Contains(named, "`"+pkg+"`") {
			t.Errorf("docs/architecture.md has no row for %s: one sentence on what it is for", pkg)
		}
	}
}
