package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// rate is what a load of check-ins found.
type rate struct {
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50"` // milliseconds
	P99       float64 `json:"p99"`
	Count     int64   `json:"count"` // with warming up
}

// checkIns sends one after the other on every connection, each about a run of its own, and
// counts those answered in the time that is measured.
func (l *load) checkIns(bodyFile string, lasts time.Duration) (rate, error) {
	template, err := os.ReadFile(bodyFile)
	if err != nil {
		return rate{}, err
	}
	begin := time.Now().Add(time.Second) // after warming up
	end := begin.Add(lasts)
	first := begin.Add(-time.Hour).UnixMicro() // no run is due in the future
	var next atomic.Int64
	next.Store(first)
	all := make([][]time.Duration, l.connections)
	var g errgroup.Group
	for i := range l.connections {
		g.Go(func() error {
			c, err := dial(l.addr)
			if err != nil {
				return err
			}
			defer c.Close()
			requests := map[string]*request{}
			for n := i; ; n += l.connections {
				path := l.paths[n%len(l.paths)]
				r := requests[path]
				if r == nil {
					r = newRequest("POST", path, l.addr, l.header(i), string(template))
					requests[path] = r
				}
				sent := time.Now()
				if sent.After(end) {
					return nil
				}
				if _, _, err := c.exchange(r.fill(sent, next.Add(1))); err != nil {
					return err
				}
				if now := time.Now(); sent.After(begin) && now.Before(end) {
					all[i] = append(all[i], now.Sub(sent))
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return rate{}, err
	}
	took := slices.Concat(all...)
	slices.Sort(took)
	if len(took) == 0 {
		return rate{}, fmt.Errorf("nothing was answered in %s", lasts)
	}
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	return rate{float64(len(took)) / lasts.Seconds(), at(0.5), at(0.99), next.Load() - first}, nil
}

// request is one whose places are filled in anew each time: the same bytes, no allocations.
type request struct {
	text                []byte
	runID, instant, now []int // where they stand
}

const (
	aRunID  = "00000000-0000-7000-8000-000000000000"
	aMoment = "2006-01-02T15:04:05.000000Z"
)

func newRequest(method, path, host, header, body string) *request {
	body = strings.NewReplacer("RUN-ID", aRunID, "INSTANT", "@@@@-01-02T15:04:05.000000Z", "NOW", "####-01-02T15:04:05.000000Z").Replace(body)
	text := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + header + "\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body
	return &request{[]byte(text), places(text, aRunID), places(text, "@@@@"), places(text, "####")}
}

func places(text, what string) (found []int) {
	for at := 0; ; at += len(what) {
		i := strings.Index(text[at:], what)
		if i < 0 {
			return found
		}
		at += i
		found = append(found, at)
	}
}

// fill makes the request about another run, due at an instant in microseconds.
func (r *request) fill(now time.Time, instant int64) []byte {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	ms := now.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	for _, at := range r.runID {
		to := r.text[at:]
		hex.Encode(to, id[:4])
		hex.Encode(to[9:], id[4:6])
		hex.Encode(to[14:], id[6:8])
		hex.Encode(to[19:], id[8:10])
		hex.Encode(to[24:], id[10:])
	}
	var scratch [64]byte
	moment := time.UnixMicro(instant).UTC().AppendFormat(scratch[:0], aMoment)
	for _, at := range r.instant {
		copy(r.text[at:], moment)
	}
	moment = now.UTC().AppendFormat(scratch[:0], aMoment)
	for _, at := range r.now {
		copy(r.text[at:], moment)
	}
	return r.text
}
