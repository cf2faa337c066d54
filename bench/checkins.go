package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

var checkinCases = []Case{
	{Name: "checkins/SQLite", What: checkinsWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return checkIns(ctx, b, "SQLite") }},
	{Name: "checkins/PostgreSQL", What: checkinsWhat, Run: func(ctx context.Context, b *Bench) ([]Figure, error) { return checkIns(ctx, b, "PostgreSQL") }},
}

const checkinsWhat = "Check-ins over HTTP, committed before the answer, half of them by agents with their tokens, half with an API key; " +
	"each is the end of a run of its own, with 200 bytes of output. Load, server and database share the machine. " +
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
	if err := server.Furnish(ctx, b, 1, 64); err != nil {
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
	for _, n := range connections {
		found, err := checkInsAtOnce(ctx, b, server, floor, n)
		if err != nil {
			return nil, err
		}
		figures = append(figures, found...)
	}
	return figures, nil
}

func checkInsAtOnce(ctx context.Context, b *Bench, server *Server, floor *Process, connections int) ([]Figure, error) {
	body, headers := filepath.Join(b.Dir, "body"), filepath.Join(b.Dir, "headers")
	if err := os.WriteFile(body, fmt.Appendf(nil, aCheckIn, 0, strings.Repeat("QUJD", 200/3)), 0o600); err != nil {
		return nil, err
	}
	load := func(ctx context.Context, addr string) (checkInRate, error) {
		return Measure[checkInRate](ctx, b, "load", "checkins", "-addr", addr, "-path", "/api/v1/checkins",
			"-body", body, "-headers", headers, "-connections", strconv.Itoa(connections))
	}
	var product, least checkInSamples
	err := b.Turns(ctx, func(ctx context.Context) error {
		if err := server.credentials(headers); err != nil {
			return err
		}
		return product.measure(server.Process, func() (checkInRate, error) { return load(ctx, server.Addr()) })
	}, func(ctx context.Context) error {
		return least.measure(floor, func() (checkInRate, error) { return load(ctx, floor.Ready) })
	})
	with := fmt.Sprintf(", %d connections", connections)
	return []Figure{
		{Name: "check-ins" + with, Unit: "1/s", Product: product.rate.Median(), Floor: least.rate.Median(), Reach: AtLeast(0.6)},
		{Name: "p50" + with, Unit: "ms", Product: product.p50.Median(), Floor: least.p50.Median()},
		{Name: "p99" + with, Unit: "ms", Product: product.p99.Median(), Floor: least.p99.Median()},
		{Name: "p99 ÷ p50" + with, Product: product.spread.Median(), Reach: Within(5)},
		{Name: "CPU of the server for a check-in" + with, Unit: "µs", Product: product.cpu.Median(), Floor: least.cpu.Median()},
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

// credentials writes the header of each connection: agents and the API key in turns.
func (s *Server) credentials(file string) error {
	var lines strings.Builder
	for _, a := range s.Agents {
		fmt.Fprintf(&lines, "Authorization: Bearer %s\nAuthorization: Bearer %s\n", s.Token(a), s.Key)
	}
	return os.WriteFile(file, []byte(lines.String()), 0o600)
}
