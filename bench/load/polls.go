package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// woken is what a load of polls found: when the first and the last were answered, in
// microseconds of Unix time, and with which status.
type woken struct {
	First  int64 `json:"first"`
	Last   int64 `json:"last"`
	Status int   `json:"status"`
}

// polls lets every connection ask for its bundle and then wait for another, as an agent does.
// "waiting" on stdout says that all do, and that the server knows; a line of JSON that all were
// answered. It does so rounds times.
func (l *load) polls(rounds int) error {
	conns := make([]*conn, l.connections)
	for range rounds {
		if err := l.round(conns); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) round(conns []*conn) error {
	err := l.each(func(i int) (err error) {
		if conns[i] == nil { // a server does not wait long for the first request of a connection
			if conns[i], err = dial(l.addr); err != nil {
				return err
			}
		}
		_, etag, err := conns[i].exchange(l.request(i, l.paths[0], ""))
		if err == nil && etag == "" {
			err = fmt.Errorf("the agent %d has no bundle", i)
		}
		if err == nil {
			_, err = conns[i].Write(l.request(i, l.paths[0]+"?wait=60s", "If-None-Match: "+etag+"\r\n"))
		}
		return err
	})
	if err == nil {
		err = l.heard()
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "waiting")
	found := make([]woken, len(conns))
	var g errgroup.Group
	for i, c := range conns {
		g.Go(func() error {
			status, _, err := c.answer()
			now := time.Now().UnixMicro()
			found[i] = woken{now, now, status}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	all := found[0]
	for _, w := range found {
		if w.Status != all.Status {
			return fmt.Errorf("some were answered %d, some %d", w.Status, all.Status)
		}
		all.First, all.Last = min(all.First, w.First), max(all.Last, w.Last)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

func (l *load) request(i int, path, more string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + l.addr + "\r\n" + l.header(i) + "\r\n" + more + "\r\n")
}

// each does something for every connection, some at a time.
func (l *load) each(do func(int) error) error {
	var g errgroup.Group
	g.SetLimit(128)
	for i := range l.connections {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}
