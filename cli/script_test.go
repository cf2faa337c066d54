package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"crontopus.dev/crontopus/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

var update = flag.Bool("update", false, "write the expected output in testdata/script anew")

// TestScripts runs testdata/script: what a person types, and what they must see. Each
// script has a server of its own at $API that knows the key $KEY and answers with the script's
// files (see canned).
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(&canned{dir: env.WorkDir})
			env.Defer(server.Close)
			env.Setenv("API", server.URL)
			env.Setenv("KEY", key)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"mode": mode, "exit": exit},
	})
}

const key = "ctk_of-the-script"

// canned answers a request with the script's file api/METHOD/PATH.json, the page after a
// cursor with PATH@CURSOR.json, or, with another status than 200, PATH.STATUS.json. It adds
// each request to the file "requests".
type canned struct {
	dir string
	mu  sync.Mutex // guards the file
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	log, err := os.OpenFile(filepath.Join(c.dir, "requests"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer log.Close()
	fmt.Fprintln(log, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body)))

	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Bearer "+key {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"status": 401, "code": "unauthorized", "detail": "this key is not known", "hint": "log in again"}`)
		return
	}
	path := filepath.Join(c.dir, "api", r.Method, strings.TrimPrefix(r.URL.Path, "/api/v1/"))
	if after := r.URL.Query().Get("after"); after != "" {
		path += "@" + after
	}
	if data, err := os.ReadFile(path + ".json"); err == nil {
		_, _ = w.Write(data)
		return
	} else if !errors.Is(err, fs.ErrNotExist) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	others, _ := filepath.Glob(path + ".[0-9][0-9][0-9].json")
	if len(others) == 0 {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status": 404, "code": "not_found", "detail": "there is no such thing"}`)
		return
	}
	status, _ := strconv.Atoi(strings.Split(filepath.Base(others[0]), ".")[1])
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		data, _ := os.ReadFile(others[0])
		_, _ = w.Write(data)
	}
}

// mode checks a file's permissions: mode 600 FILE.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatInt(int64(info.Mode().Perm()), 8); (got == args[0]) == neg {
		ts.Fatalf("%s has mode %s", args[1], got)
	}
}

// exit runs a command and checks its exit code, which exec only knows as failure: exit 2
// crontopus …; stdout and stderr are checked as after exec.
func exit(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		code = -1
		if e, ok := errors.AsType[interface {
			ExitCode() int
			error
		}](err); ok {
			code = e.ExitCode()
		}
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s (%v)", code, args[0], err)
	}
}
