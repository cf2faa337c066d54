package command_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent/command"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/envelope"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"crontopus-agent": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			code := command.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}

// TestScripts runs what people type against a server that enrolls everybody as db-01 and
// has one bundle: default/hello for this host.
func TestScripts(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
			server := httptest.NewServer(office(key))
			env.Defer(server.Close)
			env.Setenv("SERVER", server.URL)
			env.Setenv("TOKEN", "cte_secret."+envelope.KeyID(key.Public().(ed25519.PublicKey)))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("ME", me.Username)
			env.Setenv("CRONTOPUS_AGENT_INTERVAL", "1s")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await, "tells": tells},
	})
}

// await FILE waits until a file is there.
func await(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, args[0]+" does not come", func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	})
}

// tells FILE TEXT waits until a file has a text in it.
func tells(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, args[0]+" does not tell "+args[1], func() bool {
		got, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(got), args[1])
	})
}

// until looks again and again, and fails with what it would say after half a minute.
func until(ts *testscript.TestScript, failure string, seen func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !seen() {
		select {
		case <-ctx.Done():
			ts.Fatalf("%s", failure)
		case <-tick.C:
		}
	}
}

func office(key ed25519.PrivateKey) http.Handler {
	pub := key.Public().(ed25519.PublicKey)
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("POST /api/v1/agent/enroll", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, wire.Enrolled{
			AgentID: "agent-1", Tenant: "default", Name: "db-01", InstallationID: "inst",
			KeySet: []wire.Key{{ID: envelope.KeyID(pub), Public: pub}},
		})
	})
	mux.HandleFunc("GET /api/v1/agent/bundle", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Second):
			}
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1.1"`)
		_, _ = w.Write(bundle(key))
	})
	mux.HandleFunc("POST /api/v1/agent/report", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /api/v1/checkins", func(w http.ResponseWriter, r *http.Request) {
		var in wire.CheckIns
		_ = json.NewDecoder(r.Body).Decode(&in)
		out := wire.CheckInResults{}
		for _, c := range in.CheckIns {
			out.Results = append(out.Results, wire.CheckInResult{RunID: c.RunID, Status: http.StatusOK})
		}
		answer(w, out)
	})
	return mux
}

func bundle(key ed25519.PrivateKey) []byte {
	job := crontopus.Job{
		APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob, Metadata: crontopus.Metadata{Name: "hello"},
		Spec: crontopus.JobSpec{
			Schedule: crontopus.Schedules{"30 2 * * *"}, Target: crontopus.Target{All: true},
			Run: crontopus.RunSpec{Script: "echo hello; exit 7"},
		},
		Source: "https://git.example.com/jobs.git",
	}
	job.SetDefaults()
	b := crontopus.Bundle{
		Tenant: "default", Agent: "agent-1", Epoch: 1, Generation: 1,
		Issued: time.Now(), Expires: time.Now().Add(time.Hour), Jobs: []crontopus.Job{job},
	}
	b.JobsDigest = crontopus.JobsDigest(b.Jobs)
	payload, _ := json.Marshal(b)
	raw, _ := envelope.Sign(crontopus.BundlePayloadType, payload, key)
	return raw
}
