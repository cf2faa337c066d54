package gittest

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Server serves one repository by smart HTTP, through git http-backend. Faults can be put
// in front of it and taken away while it runs.
type Server struct {
	URL string // of the repository

	http   *httptest.Server
	events chan string

	mu       sync.Mutex
	username string
	password string
	fault    func(http.Handler) http.Handler
	lists    int
	packs    int
}

// Serve starts a server of the repository that ends with the test.
func (r *Repo) Serve(t testing.TB) *Server {
	t.Helper()
	git, err := exec.LookPath("git")
	require.NoError(t, err)
	backend := &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Dir:  os.TempDir(), // not the repository, which a test may take away
		Env:  append(Env(), "GIT_PROJECT_ROOT="+filepath.Dir(r.Dir), "GIT_HTTP_EXPORT_ALL=1"),
	}
	s := &Server{events: make(chan string, 1024)}
	s.http = httptest.NewServer(s.handler(backend))
	s.URL = s.http.URL + "/" + filepath.Base(r.Dir)
	t.Cleanup(func() {
		s.http.CloseClientConnections() // those that a fault holds
		s.http.Close()
	})
	return s
}

// RequireAuth lets in only who knows the password.
func (s *Server) RequireAuth(username, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.username, s.password = username, password
}

// Fault puts a handler in front of Git; nil takes it away.
func (s *Server) Fault(fault func(git http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Lists returns how often the references were asked for.
func (s *Server) Lists() int { s.mu.Lock(); defer s.mu.Unlock(); return s.lists }

// Packs returns how often objects were asked for.
func (s *Server) Packs() int { s.mu.Lock(); defer s.mu.Unlock(); return s.packs }

// Events yields "list" or "pack" as each request arrives, before it is answered. What
// nobody reads is dropped once 1,024 wait.
func (s *Server) Events() <-chan string { return s.events }

func (s *Server) handler(git http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, known := s.note(r)
		if !known {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if fault != nil {
			fault(git).ServeHTTP(w, r)
			return
		}
		git.ServeHTTP(w, r)
	})
}

// note counts a request; it returns the fault in force and whether the caller may come in.
func (s *Server) note(r *http.Request) (fault func(http.Handler) http.Handler, known bool) {
	username, password, _ := r.BasicAuth()
	s.mu.Lock()
	defer s.mu.Unlock()
	event := "list"
	if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
		event = "pack"
		s.packs++
	} else {
		s.lists++
	}
	select {
	case s.events <- event:
	default:
	}
	return s.fault, s.username == "" || username == s.username && password == s.password
}
