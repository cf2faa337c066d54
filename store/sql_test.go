package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// onlySQLite is SQL that another engine does not know, or takes for something else.
var onlySQLite = regexp.MustCompile(`(?i)\b(INSERT OR|REPLACE INTO|rowid|strftime|julianday|datetime|json_\w+|jsonb_\w+|` +
	`ifnull|last_insert_rowid|AUTOINCREMENT|WITHOUT ROWID|GLOB|PRAGMA|DATETIME|REAL)\b|\?\d`)

// One SQL text serves every engine: what only SQLite knows is in sqlite*.go.
func TestQueriesAreCommonSQL(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "sqlite") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, literal := range regexp.MustCompile("(?s)`[^`]*`|\"[^\"\n]*\"").FindAllString(string(source), -1) {
			require.NotRegexp(t, onlySQLite, literal, name)
		}
	}
}

// Migrations only go forward, have the same numbers and names for every engine, and every
// table of a tenant has it in its key.
func TestMigrations(t *testing.T) {
	files, err := filepath.Glob("migrations/*/*.sql")
	require.NoError(t, err)
	named := map[string]int{}
	for _, file := range files {
		named[filepath.Base(file)]++
	}
	require.NotEmpty(t, named)
	for name, engines := range named {
		require.Equal(t, 2, engines, name)
	}
	shared := map[string]bool{"installation": true, "tenants": true}
	table := regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n\);`)
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(source), "+goose Down", name)
		for _, found := range table.FindAllStringSubmatch(string(source), -1) {
			if shared[found[1]] {
				continue
			}
			require.Contains(t, found[2], "PRIMARY KEY (tenant_id, ", found[1])
			for _, foreign := range regexp.MustCompile(`FOREIGN KEY \((\w+)`).FindAllStringSubmatch(found[2], -1) {
				require.Equal(t, "tenant_id", foreign[1], found[1])
			}
		}
	}
}
