package failpoint_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/gittest"
)

// server is a crontopus server with one source, in a folder of its own.
type server struct {
	*process
	dir, url string
	database string // of PostgreSQL, "" for SQLite
	repo     *gittest.Repo
}

// newServer starts a server and gives it a source with these manifests.
func newServer(t testing.TB, database string, files map[string]string) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), url: freeAddress(t), database: database, repo: gittest.NewRepo(t)}
	s.repo.Commit(t, "begin", files)
	s.start(t)
	s.cli(t, "sources", "add", "fleet", "--url", "file://"+s.repo.Dir)
	await(t, "a first sync", func() bool { return strings.Contains(s.cli(t, "sources", "get", "fleet"), "Synced") })
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

// start starts the server, with variables, and waits until it is ready.
func (s *server) start(t testing.TB, env ...string) {
	t.Helper()
	s.process = s.launch(t, env...)
	s.ready(t)
}

func (s *server) launch(t testing.TB, env ...string) *process {
	t.Helper()
	argv := []string{"crontopus", "server", "--listen", strings.TrimPrefix(s.url, "http://"), "--data", filepath.Join(s.dir, "data"), "--allow-file-sources"}
	if s.database != "" {
		argv = append(argv, "--database", s.database)
	}
	return start(t, s.dir, env, argv...)
}

func (s *server) ready(t testing.TB) {
	t.Helper()
	await(t, "a server that is ready", func() bool {
		response, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// env is what a person's crontopus needs to know.
func (s *server) env(t testing.TB) []string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(s.dir, "data", "admin.key"))
	require.NoError(t, err)
	return []string{"CRONTOPUS_SERVER=" + s.url, "CRONTOPUS_API_KEY=" + strings.TrimSpace(string(key))}
}

func (s *server) cli(t testing.TB, args ...string) string {
	t.Helper()
	return run(t, s.dir, s.env(t), append([]string{"crontopus"}, args...)...)
}

var enrollmentToken = regexp.MustCompile(`cte_\S+`)

// token makes an enrolment token.
func (s *server) token(t testing.TB) string {
	t.Helper()
	return enrollmentToken.FindString(s.cli(t, "agents", "enroll", "--uses", "100"))
}

// publishes waits until the generation is what every agent is to have.
func (s *server) publishes(t testing.TB, g string) {
	t.Helper()
	s.cli(t, "sources", "sync", "fleet")
	await(t, g+" is published", func() bool { return strings.Contains(s.cli(t, "agents", "get", "db-01"), g+" published") })
}
