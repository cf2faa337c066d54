package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// contractions are what a server one version older cannot live with.
var contractions = map[string]*regexp.Regexp{
	"something is dropped": regexp.MustCompile(`(?i)\bDROP\s+(TABLE|COLUMN|VIEW|FUNCTION|POLICY|DEFAULT)\b`),
	"something is renamed": regexp.MustCompile(`(?i)\bRENAME\b`),
	"a type is another":    regexp.MustCompile(`(?i)\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b`),
	"NULL is refused":      regexp.MustCompile(`(?i)\bSET\s+NOT\s+NULL\b`),
	"rows are refused":     regexp.MustCompile(`(?i)\bADD\s+(CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY|EXCLUDE)\b`),
}

var (
	newColumn   = regexp.MustCompile(`(?is)\bALTER\s+TABLE\s+\w+\s+ADD\s+(COLUMN\s+)?\w+.*\bNOT\s+NULL\b`)
	newUnique   = regexp.MustCompile(`(?is)\bCREATE\s+UNIQUE\s+INDEX\s+.*?\bON\s+(\w+)`)
	newTable    = regexp.MustCompile(`(?i)\bCREATE\s+TABLE\s+(\w+)`)
	raisesFloor = regexp.MustCompile(`(?i)\bUPDATE\s+installation\s+SET\s+oldest_schema\s*=\s*\d+`)
	sqlComment  = regexp.MustCompile(`--[^\n]*`)
)

// contracts returns why a server that does not know this migration may fail after it: "" for
// one that only adds, or says from which schema on a server has to be.
func contracts(migration string) string {
	migration = sqlComment.ReplaceAllString(migration, "")
	if raisesFloor.MatchString(migration) {
		return ""
	}
	made := map[string]bool{}
	for _, found := range newTable.FindAllStringSubmatch(migration, -1) {
		made[found[1]] = true
	}
	for statement := range strings.SplitSeq(migration, ";") {
		for why, pattern := range contractions {
			if pattern.MatchString(statement) {
				return why
			}
		}
		if newColumn.MatchString(statement) && !strings.Contains(strings.ToUpper(statement), "DEFAULT") {
			return "rows without the new column are refused"
		}
		if found := newUnique.FindStringSubmatch(statement); found != nil && !made[found[1]] {
			return "rows are refused"
		}
	}
	return ""
}

// refusesAsBefore are migrations whose unique index takes the place of one on the same columns.
var refusesAsBefore = []string{"00007_runs_keys.sql", "00010_runs_due.sql"}

func TestMigrationsOnlyExpand(t *testing.T) {
	files, err := filepath.Glob("migrations/*/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		if slices.Contains(refusesAsBefore, filepath.Base(file)) {
			continue
		}
		require.Empty(t, contracts(string(source)), "%s: a server one version older must keep working. Add now, and take away "+
			"a version later, in a migration that says UPDATE installation SET oldest_schema = N (see CONTRIBUTING.md)", file)
	}
}

func TestWhatAnOlderServerCannotLiveWith(t *testing.T) {
	for migration, why := range map[string]string{
		"ALTER TABLE runs ADD COLUMN x TEXT":                                                   "",
		"ALTER TABLE runs ADD COLUMN x TEXT NOT NULL DEFAULT ''":                               "",
		"CREATE TABLE t (x TEXT NOT NULL); CREATE UNIQUE INDEX u ON t (x)":                     "",
		"CREATE INDEX i ON runs (x); DROP INDEX i":                                             "",
		"-- DROP TABLE runs comes a version later\nALTER TABLE runs ADD x BIGINT":              "",
		"ALTER TABLE runs DROP COLUMN x; UPDATE installation SET oldest_schema = 5":            "",
		"ALTER TABLE runs ADD COLUMN x TEXT NOT NULL":                                          "rows without the new column are refused",
		"alter table runs\n  add x text not null":                                              "rows without the new column are refused",
		"ALTER TABLE runs DROP COLUMN x":                                                       "something is dropped",
		"ALTER TABLE runs ADD COLUMN y TEXT; DROP TABLE runs":                                  "something is dropped",
		"ALTER TABLE runs RENAME COLUMN x TO y":                                                "something is renamed",
		"ALTER TABLE runs RENAME TO y":                                                         "something is renamed",
		"ALTER TABLE runs ALTER COLUMN x TYPE BIGINT":                                          "a type is another",
		"ALTER TABLE runs ALTER COLUMN x SET NOT NULL":                                         "NULL is refused",
		"ALTER TABLE runs ADD CONSTRAINT c CHECK (x > 0)":                                      "rows are refused",
		"CREATE UNIQUE INDEX u ON runs (x)":                                                    "rows are refused",
		"ALTER TABLE runs DROP COLUMN x; -- UPDATE installation SET oldest_schema = 5":         "something is dropped",
		"CREATE TABLE runs2 (x TEXT); DROP TABLE runs; ALTER TABLE runs2 RENAME COLUMN x TO y": "something is dropped",
	} {
		require.Equal(t, why, contracts(migration), migration)
	}
}

// newer makes a database that a later version has migrated, and says which servers
// understand it.
func newerDatabases(t *testing.T, oldest string) map[string]store.Options {
	const version = "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, "
	path, url := filepath.Join(t.TempDir(), "crontopus.db"), pgtest.Database(t)
	require.NoError(t, openAt(t, path).Close())
	for _, statement := range []string{version + "1)", "UPDATE installation SET oldest_schema = " + oldest} {
		_, err := native(t, path).Exec(statement)
		require.NoError(t, err)
	}
	openURL(t, url)
	pgtest.SQL(t, url, version+"true)", "UPDATE installation SET oldest_schema = "+oldest)
	return map[string]store.Options{"SQLite": options(t, path), "PostgreSQL": urlOptions(t, url)}
}

func TestADatabaseOfTheNextVersionIsUsedAsItIs(t *testing.T) {
	for engine, o := range newerDatabases(t, "2") {
		var log strings.Builder
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		s, err := store.Open(t.Context(), o)
		require.NoError(t, err, engine)
		require.Contains(t, log.String(), "written by a newer version")
		require.Contains(t, log.String(), "schema=9999")
		enrolledIn(t, s, crontopus.DefaultTenant, "a")
		require.NoError(t, s.Close())
	}
}

func TestADatabaseOfAMuchNewerVersionIsRefused(t *testing.T) {
	for engine, o := range newerDatabases(t, "9998") {
		_, err := store.Open(t.Context(), o)
		require.Equal(t, crontopus.CodeUnsupported, crontopus.ErrorCode(err), engine)
		require.ErrorContains(t, err, "schema 9999")
		require.NotEmpty(t, crontopus.ErrorHint(err))
	}
}
