// Package pgtest is a real PostgreSQL for tests and benchmarks: a throw-away cluster from the
// installed server's programs, one for a test binary, with a schema for every test, which
// costs a tenth of a database. They connect to it as the server does in earnest: as a role
// that is no superuser and that row-level security binds. A test that has to break its
// PostgreSQL makes one of its own.
//
// It knows nothing of jobs and imports the standard library, the test libraries and
// internal/smalldisk only.
package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Role is who tests connect as.
const Role = "crontopus"

// Main runs a test binary's tests, and afterwards ends the cluster if one of them started
// it. It returns the exit code: func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }.
func Main(m *testing.M) int {
	code := m.Run()
	if err := shared.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// shared is the cluster of this test binary.
var shared Cluster

// Database returns the URL of a place of a test's own, empty and owned by Role. The name
// that Name finds in it is that of its schema and of the connections to it.
func Database(t testing.TB) string {
	t.Helper()
	database, err := shared.Database()
	require.NoError(t, err)
	return database
}

// Name is the schema of a URL that Database returned.
func Name(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	return u.Query().Get("search_path")
}

// As returns the URL for another role.
func As(t testing.TB, database, role string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.User(role)
	return u.String()
}

// SQL runs statements as the superuser, each in a transaction of its own.
func SQL(t testing.TB, database string, statements ...string) {
	t.Helper()
	shared.SQL(t, database, statements...)
}

// Durable is Cluster.Durable for the cluster that tests share.
func Durable(t testing.TB) {
	t.Helper()
	require.NoError(t, shared.Durable())
}
