package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/gittest"
)

// Server is the product's server under measurement, with the repository that it syncs.
type Server struct {
	*Process
	URL    string
	Data   string
	Key    string         // an admin's
	Client *client.Client // with that key
	Repo   *gittest.Repo

	Installation string // the audience of agents' tokens
	Agents       []Agent

	bench *Bench
	args  []string
}

// Agent is one that has enrolled.
type Agent struct {
	ID  string
	Key ed25519.PrivateKey
}

// StartServer starts crontopus server on a new database of an engine, SQLite or PostgreSQL, with
// more flags.
func (b *Bench) StartServer(ctx context.Context, engine string, more ...string) (*Server, error) {
	s := &Server{Data: b.TB.TempDir(), bench: b}
	s.args = append([]string{"server", "--listen", "127.0.0.1:0", "--data", s.Data, "--allow-file-sources"}, more...)
	if engine == "PostgreSQL" {
		database, err := b.Database()
		if err != nil {
			return nil, err
		}
		s.args = append(s.args, "--database", database)
	}
	return s, s.Run(ctx)
}

// Run starts the server, also one that was stopped, on the data that it has.
func (s *Server) Run(ctx context.Context) (err error) {
	if s.Process, err = start(exec.CommandContext(ctx, s.bench.Bin("crontopus"), s.args...), servesAt); err != nil {
		return err
	}
	s.URL = s.Ready
	key, err := os.ReadFile(filepath.Join(s.Data, "admin.key"))
	if err != nil {
		return err
	}
	s.Key = strings.TrimSpace(string(key))
	s.Client, err = client.New(s.URL, client.WithAPIKey(s.Key))
	return err
}

// servesAt finds the address in the server's log.
func servesAt(line string) (string, bool) {
	if !strings.Contains(line, "msg=serving") {
		return "", false
	}
	_, rest, found := strings.Cut(line, "url=")
	address, _, _ := strings.Cut(rest, " ")
	return address, found
}

// Addr is the server's host:port.
func (s *Server) Addr() string {
	u, _ := url.Parse(s.URL) // the server has made it
	return u.Host
}

// Furnish gives the server a repository of so many jobs, each for every agent, and so many
// agents, and waits until every one has its bundle.
func (s *Server) Furnish(ctx context.Context, b *Bench, jobs, agents int) error {
	s.Repo = gittest.NewRepo(b.TB)
	s.Repo.Commit(b.TB, "jobs", ManifestFiles(jobs, "a"))
	if _, err := s.Client.AddSource(ctx, wire.SourceInput{Name: "bench", URL: s.Repo.URL(), Branch: gittest.Branch}); err != nil {
		return err
	}
	if err := s.enroll(ctx, agents); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	polls := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer polls.CloseIdleConnections()
	for _, a := range s.Agents {
		g.Go(func() error { return s.awaitBundle(ctx, polls, a) })
	}
	return g.Wait()
}

// awaitBundle waits until an agent has a bundle.
func (s *Server) awaitBundle(ctx context.Context, polls *http.Client, a Agent) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+bundlePath+"?wait=60s", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token(a))
	resp, err := polls.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the agent %s got no bundle but %s", a.ID, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// bundlePath is where agents poll.
const bundlePath = "/api/v1/agent/bundle"

// enroll enrolls agents, with one token.
func (s *Server) enroll(ctx context.Context, agents int) error {
	made, err := s.Client.CreateEnrollmentToken(ctx, wire.TokenInput{Uses: agents, NamePattern: "host-*"})
	if err != nil {
		return err
	}
	secret, _, _ := strings.Cut(made.Printed, ".")
	s.Agents = make([]Agent, agents)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range agents {
		g.Go(func() error {
			_, key, err := ed25519.GenerateKey(nil)
			if err != nil {
				return err
			}
			enrolled, err := s.Client.Enroll(ctx, key, wire.Enroll{Token: secret, Name: fmt.Sprintf("host-%d", i)})
			s.Agents[i] = Agent{enrolled.AgentID, key}
			if i == 0 {
				s.Installation = enrolled.InstallationID
			}
			return err
		})
	}
	return g.Wait()
}

// Token is an agent's proof of who it is, as the agent would write it, for the next minutes.
func (s *Server) Token(a Agent) string {
	now := time.Now()
	part := base64.RawURLEncoding.EncodeToString
	unsigned := part([]byte(`{"alg":"EdDSA","typ":"JWT"}`)) + "." + part(fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":%q,"iat":%d,"exp":%d}`,
		a.ID, a.ID, s.Installation, now.Unix(), now.Add(wire.MaxTokenLife-time.Minute).Unix()))
	return unsigned + "." + part(ed25519.Sign(a.Key, []byte(unsigned)))
}

// settle waits until the server has nothing left to do: the detector looks once at each entry that is new.
func (s *Server) settle(ctx context.Context) error {
	const look = 2 * time.Second
	for before := -time.Hour; ; {
		now, err := s.CPU()
		if err != nil || now-before < look/20 {
			return err
		}
		before = now
		if err := waitUntil(ctx, time.Now().Add(look)); err != nil {
			return err
		}
	}
}

// jobsInFile is how many jobs a file holds: one of the most bytes and tokens that are read could hold some more.
const jobsInFile = 250

// ManifestFiles are so many jobs, in several files. Another word makes other jobs of the same names.
func ManifestFiles(jobs int, word string) map[string]string {
	files := map[string]string{}
	for from := 0; from < jobs; from += jobsInFile {
		files[fmt.Sprintf("jobs-%d.yaml", from/jobsInFile)] = Manifests(from, min(from+jobsInFile, jobs), word)
	}
	return files
}

// Manifests are the jobs of these numbers, in one file.
func Manifests(from, to int, word string) string {
	var text strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, "---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\nspec:\n  schedule: \"%d %d * * *\"\n"+
			"  target: {all: true}\n  run: {command: [/bin/echo, %s]}\n", i, i%60, i/60%24, word)
	}
	return text.String()
}
