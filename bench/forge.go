package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/gittest"
)

// forge is a Git server that sends a signed webhook when it has taken a push, and an engineer's
// clone.
type forge struct {
	server *gittest.Server
	clone  string

	mu          sync.Mutex
	url, secret string        // of the webhook
	busy        time.Duration // of Git's own server with fetches, since the last push
}

// manifest is job i; the hour makes it another.
func manifest(i, hour int) string {
	return fmt.Sprintf(`apiVersion: crontopus.dev/v1
kind: Job
metadata:
  name: job-%05d
  namespace: team-%02d
  description: Dump the orders database to object storage
  labels: {team: platform, tier: critical}
  annotations: {runbook: https://wiki.example.com/backup}
spec:
  schedule: "%d %d * * *"
  timezone: UTC
  target:
    labels: {host: %s}
  run:
    command: [/usr/local/bin/backup, --full, "%05d"]
    workingDirectory: /srv/backup
    environment: {TARGET: s3://bucket/orders, MODE: full}
    timeout: 45m
    concurrency: forbid
    splay: 2m
    successExitCodes: [0]
    captureOutput: 10KiB
  monitor:
    grace: 10m
    maxDuration: 1h
`, i, i%syncHosts, i%60, hour, hostName(i%syncHosts), i)
}

// file is where job i is.
func file(i int) string { return fmt.Sprintf("team-%02d/job-%05d.yaml", i%syncHosts, i) }

// startForge starts one with so many manifests.
func (b *Bench) startForge(ctx context.Context, jobs int) (*forge, error) {
	repo, files := gittest.NewRepo(b.TB), map[string]string{}
	for i := range jobs {
		files[file(i)] = manifest(i, 2)
	}
	repo.Commit(b.TB, "all", files)
	f := &forge{server: repo.Serve(b.TB), clone: filepath.Join(b.TB.TempDir(), "clone")}
	f.server.Fault(f.between)
	return f, f.git(ctx, "clone", "--quiet", f.server.URL, f.clone)
}

func (f *forge) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = gittest.Env()
	if args[0] != "clone" {
		cmd.Dir = f.clone
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// between looks at the clock around Git, and tells of a push when Git has taken it.
func (f *forge) between(git http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		git.ServeHTTP(w, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/git-receive-pack") && f.url != "":
			f.busy = 0
			go f.tell(context.WithoutCancel(r.Context()), f.url, f.secret) // as forges do, on the side
		case !strings.HasSuffix(r.URL.RawQuery, "git-receive-pack"):
			f.busy += time.Since(began)
		}
	})
}

// tell sends the webhook. One that is not taken shows as a push that nobody applies.
func (*forge) tell(ctx context.Context, url, secret string) {
	body := []byte(`{"ref":"refs/heads/` + gittest.Branch + `","commits":[]}`)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forgejo-Event", "push")
	req.Header.Set("X-Forgejo-Signature", hex.EncodeToString(mac.Sum(nil)))
	client := http.Client{Timeout: 10 * time.Second}
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close() // nothing in it is of interest
	}
}

// connect makes the repository a source, with its webhook, and waits until the host has its jobs.
func (f *forge) connect(ctx context.Context, s *Server, h *syncedHost) error {
	added, err := s.Client.AddSource(ctx, wire.SourceInput{Name: "bench", URL: f.server.URL, Branch: gittest.Branch})
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.url, f.secret = added.WebhookURL, added.WebhookSecret
	f.mu.Unlock()
	if err := h.await(ctx, "job-00000"); err != nil {
		return err
	}
	var last crontopus.Agent
	for last.Status.Desired.Number < 2 { // the bundles of all others come after the first one's
		if last, err = s.Client.Agent(ctx, hostName(syncHosts-1)); err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// push is what became of one.
type push struct {
	took, git float64            // ms
	stages    map[string]float64 // ms after the push, by name
}

// push changes one file and waits until the host has it.
func (f *forge) push(ctx context.Context, s *Server, h *syncedHost, n int) (p push, err error) {
	hour := 3 + n%20
	if err := os.WriteFile(filepath.Join(f.clone, file(0)), []byte(manifest(0, hour)), 0o600); err != nil {
		return p, err
	}
	for _, args := range [][]string{{"commit", "--quiet", "--all", "--message", "hour " + strconv.Itoa(hour)}, {"push", "--quiet"}} {
		if err := f.git(ctx, args...); err != nil {
			return p, err
		}
	}
	pushed := time.Now()
	if err := h.await(ctx, fmt.Sprintf("0 %d * * * ", hour)); err != nil {
		return p, err
	}
	applied, errApplied := os.Stat(h.crontab())
	verified, errVerified := os.Stat(h.bundle())
	signed, errSigned := h.issued()
	syncs, err := s.Client.Syncs(ctx, "bench", crontopus.Page{Limit: 1})
	if err := errors.Join(err, errApplied, errVerified, errSigned); err != nil {
		return p, err
	}
	after := func(at time.Time) float64 { return milliseconds(at.Sub(pushed)) }
	p.stages = map[string]float64{"webhook": after(syncs.Items[0].Started), "sign": after(signed),
		"publish, wake and verify": after(verified.ModTime()), "apply": after(applied.ModTime())}
	for _, stage := range syncs.Items[0].Stages {
		p.stages[stage.Name] = after(stage.At)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p.took, p.git = after(applied.ModTime()), milliseconds(f.busy)
	return p, nil
}

// syncedHost is a host whose agent waits for news.
type syncedHost struct {
	dir   string
	agent *Process
}

func (h *syncedHost) crontab() string { return filepath.Join(h.dir, "crontab") }
func (h *syncedHost) bundle() string  { return filepath.Join(h.dir, "state", "bundle") }

// issued is when the bundle that the host has was signed.
func (h *syncedHost) issued() (time.Time, error) {
	raw, err := os.ReadFile(h.bundle())
	if err != nil {
		return time.Time{}, err
	}
	var envelope struct{ Payload []byte }
	var bundle struct{ Issued time.Time }
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return time.Time{}, err
	}
	return bundle.Issued, errors.Join(json.Unmarshal(envelope.Payload, &bundle))
}

// await waits until the crontab has the text. It watches from outside, as a person would.
func (h *syncedHost) await(ctx context.Context, text string) error {
	for {
		data, err := os.ReadFile(h.crontab())
		if err != nil && !errors.Is(err, os.ErrNotExist) || bytes.Contains(data, []byte(text)) {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waited for %q in the crontab: %w", text, err)
		}
	}
}

// pause is between two looks.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(2 * time.Millisecond):
		return nil
	}
}

// enrollHosts enrolls all hosts but the first, which has an agent of its own.
func (s *Server) enrollHosts(ctx context.Context) error {
	for i := 1; i < syncHosts; i++ {
		made, err := s.Client.CreateEnrollmentToken(ctx, wire.TokenInput{Name: hostName(i), Labels: map[string]string{"host": hostName(i)}})
		if err != nil {
			return err
		}
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return err
		}
		secret, _, _ := strings.Cut(made.Printed, ".")
		if _, err := s.Client.Enroll(ctx, key, wire.Enroll{Token: secret}); err != nil {
			return err
		}
	}
	return nil
}

// waitingHost enrolls the first host and starts its agent.
func (s *Server) waitingHost(ctx context.Context, b *Bench) (*syncedHost, error) {
	h := &syncedHost{dir: b.TB.TempDir()}
	policy := filepath.Join(h.dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte("allowScripts: false\n"+usersOf(os.Getuid())), 0o600); err != nil {
		return nil, err
	}
	made, err := s.Client.CreateEnrollmentToken(ctx, wire.TokenInput{Name: hostName(0), Labels: map[string]string{"host": hostName(0)}})
	if err != nil {
		return nil, err
	}
	args := []string{"--state-dir", filepath.Join(h.dir, "state"), "--policy-file", policy, "--scheduler", "crontab", "--crontab-file", h.crontab()}
	enroll := exec.CommandContext(ctx, b.Bin("crontopus-agent"), append([]string{"enroll", "--server", s.URL, "--token", made.Printed}, args...)...)
	if out, err := enroll.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("enroll: %w\n%s", err, out)
	}
	h.agent, err = start(exec.CommandContext(ctx, b.Bin("crontopus-agent"), append([]string{"run"}, args...)...), func(line string) (string, bool) {
		return line, strings.Contains(line, "bundle accepted")
	})
	return h, err
}

// treeCPU is how long a program and the children that it has seen end have computed.
func treeCPU(pid int) (sum time.Duration, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat cannot be read", pid)
	}
	for _, field := range fields[11:15] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * (time.Second / 100)
	}
	return sum, nil
}
