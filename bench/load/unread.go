package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// heard returns when the server has read all that was written to it. A write is over when the kernel
// has the bytes: a server that is told to end before it has looked at them hangs up on who asked.
func (l *load) heard() error {
	const look, still = 20 * time.Millisecond, 5
	quiet := 0
	for range time.Tick(look) { // the kernel has no event for it
		table, err := os.Open("/proc/net/tcp")
		if err != nil {
			return err
		}
		waits, err := unread(table, l.addr)
		table.Close()
		if err != nil {
			return err
		}
		if quiet++; waits > 0 {
			quiet = 0
		}
		if quiet == still { // what was read has become a request by now
			break
		}
	}
	return nil
}

// unread counts the connections of a server, by its address, on which bytes wait for it, in the
// kernel's table of them.
func unread(table io.Reader, addr string) (waits int, err error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	own := fmt.Sprintf(":%04X", number)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// sl local_address rem_address st tx_queue:rx_queue …; of one that listens the queue is who is not accepted yet
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || !strings.HasSuffix(fields[1], own) {
			continue
		}
		if _, queue, _ := strings.Cut(fields[4], ":"); strings.Trim(queue, "0") != "" {
			waits++
		}
	}
	return waits, lines.Err()
}
