// Command load makes the requests of a benchmark, in a process of its own and with as little
// of its own to do as goes: bytes are written, answers are counted. What it sends comes from
// the case, so that the product and its floor get the same. It imports nothing of the project.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: load checkins|polls"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	addr := flags.String("addr", "", "host:port of the server")
	path := flags.String("path", "", "what is asked for")
	paths := flags.String("paths", "", "file of more than one path, a line each; connections take them in turns")
	headers := flags.String("headers", "", "file with a header line for each connection")
	connections := flags.Int("connections", 64, "how many at once")
	body := flags.String("body", "", "file with the body of a check-in; RUN-ID, INSTANT and NOW are filled in")
	lasts := flags.Duration("for", 4*time.Second, "how long to measure, after a second of warming up")
	rounds := flags.Int("rounds", 1, "how often polls wait")
	_ = flags.Parse(os.Args[2:]) // it exits
	lines, err := os.ReadFile(*headers)
	if err != nil {
		fail(err)
	}
	l := load{addr: *addr, paths: []string{*path}, connections: *connections, headers: strings.Split(strings.TrimSpace(string(lines)), "\n")}
	if *paths != "" {
		lines, err := os.ReadFile(*paths)
		if err != nil {
			fail(err)
		}
		l.paths = strings.Fields(string(lines))
	}
	switch os.Args[1] {
	case "checkins":
		var result rate
		if result, err = l.checkIns(*body, *lasts); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(result)
		}
	case "polls":
		err = l.polls(*rounds)
	default:
		err = fmt.Errorf("there is no load %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// load is what every kind of load has.
type load struct {
	addr        string
	paths       []string
	connections int
	headers     []string // by connection, over and over
}

func (l *load) header(connection int) string { return l.headers[connection%len(l.headers)] }
