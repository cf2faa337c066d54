// Command polls is the floor of long polls: a bare handler that waits for a channel and answers
// what every agent gets. SIGUSR1 wakes all who wait with a new answer, SIGINT with the word that
// nothing is new. There is no authentication and no agent. It imports the standard library only.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b := &board{changed: make(chan struct{})}
	server := &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGUSR1)
	ended := make(chan error, 1)
	go func() {
		for s := range signals {
			b.wake(s == syscall.SIGUSR1)
			if s == os.Interrupt {
				ended <- server.Shutdown(context.Background())
			}
		}
	}()
	fmt.Fprintln(os.Stdout, "ready", listener.Addr())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return <-ended
}

// board is what everybody waits for.
type board struct {
	mu      sync.Mutex
	version int
	changed chan struct{}
}

func (b *board) wake(anew bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if anew {
		b.version++
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) now() (etag string, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return `"` + strconv.Itoa(b.version) + `"`, b.changed
}

// bundle is as long as one with a job in it.
var bundle = make([]byte, 1500)

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	etag, changed := b.now()
	have := r.Header.Get("If-None-Match")
	if wait, err := time.ParseDuration(r.FormValue("wait")); err == nil && have == etag {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-changed:
		case <-timer.C:
		case <-r.Context().Done():
		}
		etag, _ = b.now()
	}
	w.Header().Set("ETag", etag)
	if have == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(bundle) // the client sees that it is cut
}
