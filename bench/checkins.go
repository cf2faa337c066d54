package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

var checkinCases = []Case{
	{Name: "checkins/SQLite", What: checkinsWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return checkIns(ctx, b, "SQLite") }},
	{Name: "checkins/PostgreSQL", What: checkinsWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return checkIns(ctx, b, "PostgreSQL") }},
}

const checkinsWhat = "Check-ins over HTTP, committed before the answer, half of them by agents with their tokens, half with an API key; " +
	"each is the end of a run of its own, with 200 bytes of output; and pings, to the URLs of 2,000 jobs. The database has 100,000 entries, " +
	"and detection runs. Load, server and database share the machine. " +
	"Floor: a bare chi handler that decodes the same body and group-commits a row of the same columns, without authentication, look-ups or state."

// aCheckIn is what the load sends, with its places filled in.
const aCheckIn = `{"runId":"RUN-ID","job":"default/job-%d","event":"success","scheduledFor":"INSTANT","at":"NOW","exitCode":0,"attempt":1,` +
	`"output":"%s","revision":"main@sha1:0123456789012345678901234567890123456789"}`

// connections are how many check in at once.
var connections = []int{64, 256}

// checkInRate is what load prints.
type checkInRate struct{ PerSecond, P50, P99, Count float64 }

func checkIns(ctx context.Context, b *Bench, engine string) (figures []Figure, err error) {
	server, err := b.StartServer(ctx, engine)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := server.Furnish(ctx, b, 1000, 100); err != nil {
		return nil, err
	}
	urls, err := server.pingJobs(ctx, b, 2000)
	if err != nil {
		return nil, err
	}
	if err := server.settle(ctx); err != nil {
		return nil, err
	}
	args := []string{"-sqlite", filepath.Join(b.Dir, "floor.db")}
	if engine == "PostgreSQL" {
		database, err := b.Database()
		if err != nil {
			return nil, err
		}
		args = []string{"-postgres", database}
	}
	floor, err := b.Start(ctx, "checkins", args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, floor.Stop()) }()
	headers := filepath.Join(b.Dir, "headers")
	sends := []sent{
		{what: "check-ins", body: fmt.Sprintf(aCheckIn, 0, strings.Repeat("QUJD", 200/3)), target: []string{"-path", checkInPath}, headers: server.credentials},
		{what: "pings", body: strings.Repeat("ok ", 200/3), target: []string{"-paths", urls}, headers: func() string { return "X-Nothing: here" }},
	}
	for _, what := range sends {
		for _, n := range connections {
			found, err := what.atOnce(ctx, b, server, floor, headers, n)
			if err != nil {
				return nil, err
			}
			figures = append(figures, found...)
		}
	}
	return figures, nil
}

const checkInPath = "/api/v1/checkins"

// sent is what the load sends to the product. To the floor it sends check-ins.
type sent struct {
	what, body string
	target     []string // of load
	headers    func() string
}

func (s *sent) atOnce(ctx context.Context, b *Bench, server *Server, floor *Process, headers string, connections int) ([]Figure, error) {
	load := func(ctx context.Context, addr, body string, target []string) (checkInRate, error) {
		file := filepath.Join(b.Dir, "body")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			return checkInRate{}, err
		}
		args := []string{"checkins", "-addr", addr, "-body", file, "-headers", headers, "-connections", strconv.Itoa(connections)}
		return Measure[checkInRate](ctx, b, "load", append(args, target...)...)
	}
	var product, least checkInSamples
	err := b.Turns(ctx, func(ctx context.Context) error {
		if err := os.WriteFile(headers, []byte(s.headers()), 0o600); err != nil {
			return err
		}
		return product.measure(server.Process, func() (checkInRate, error) { return load(ctx, server.Addr(), s.body, s.target) })
	}, func(ctx context.Context) error {
		body := fmt.Sprintf(aCheckIn, 0, strings.Repeat("QUJD", 200/3))
		return least.measure(floor, func() (checkInRate, error) { return load(ctx, floor.Ready, body, []string{"-path", checkInPath}) })
	})
	with := fmt.Sprintf(", %d connections", connections)
	return []Figure{
		{Name: s.what + with, Unit: "1/s", Product: product.rate.Median(), Floor: least.rate.Median(), Reach: AtLeast(0.6)},
		{Name: s.what + ", p50" + with, Unit: "ms", Product: product.p50.Median(), Floor: least.p50.Median()},
		{Name: s.what + ", p99" + with, Unit: "ms", Product: product.p99.Median(), Floor: least.p99.Median()},
		{Name: s.what + ", p99 ÷ p50" + with, Product: product.spread.Median(), Reach: Within(5)},
		{Name: s.what + ", CPU of the server for one" + with, Unit: "µs", Product: product.cpu.Median(), Floor: least.cpu.Median()},
	}, err
}

// checkInSamples are what one side measured.
type checkInSamples struct{ rate, p50, p99, spread, cpu Samples }

func (s *checkInSamples) measure(p *Process, load func() (checkInRate, error)) error {
	before, err := p.CPU()
	if err != nil {
		return err
	}
	r, err := load()
	if err != nil {
		return err
	}
	after, err := p.CPU()
	s.rate, s.p50, s.p99, s.spread = append(s.rate, r.PerSecond), append(s.p50, r.P50), append(s.p99, r.P99), append(s.spread, r.P99/r.P50)
	s.cpu = append(s.cpu, float64((after-before).Microseconds())/r.Count)
	return err
}

// credentials are the header of each connection: agents and the API key in turns.
func (s *Server) credentials() string {
	var lines strings.Builder
	for _, a := range s.Agents {
		fmt.Fprintf(&lines, "Authorization: Bearer %s\nAuthorization: Bearer %s\n", s.Token(a), s.Key)
	}
	return lines.String()
}

// pingJobs adds jobs without an agent to the repository, and returns a file of their URLs' paths.
func (s *Server) pingJobs(ctx context.Context, b *Bench, jobs int) (file string, err error) {
	var text, paths strings.Builder
	files := map[string]string{}
	for i := range jobs {
		fmt.Fprintf(&text, "---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: ping-%d}\nspec:\n  every: 1d\n  target: {ping: true}\n", i)
		if (i+1)%jobsInFile == 0 || i == jobs-1 {
			files[fmt.Sprintf("pings-%d.yaml", i)] = text.String()
			text.Reset()
		}
	}
	s.Repo.Commit(b.TB, "pings", files)
	if err := s.Client.SyncSource(ctx, "bench"); err != nil {
		return "", err
	}
	for i := range jobs {
		job, err := s.Client.Job(ctx, crontopus.JobName{Namespace: crontopus.DefaultNamespace, Name: fmt.Sprintf("ping-%d", i)})
		for i == 0 && crontopus.ErrorCode(err) == crontopus.CodeNotFound { // not synced yet
			if err := waitUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
				return "", err
			}
			job, err = s.Client.Job(ctx, crontopus.JobName{Namespace: crontopus.DefaultNamespace, Name: "ping-0"})
		}
		if err != nil {
			return "", err
		}
		u, err := url.Parse(job.PingURL)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&paths, u.Path)
	}
	file = filepath.Join(b.Dir, "pings")
	return file, os.WriteFile(file, []byte(paths.String()), 0o600)
}
