// Command checkins is the floor of taking check-ins: a bare chi handler that decodes the body
// and commits its row, together with those of everybody else who waits, before it answers. The
// row has the columns of a run and nothing but its primary key. There is no authentication, no
// look-up, no state. It imports nothing of the project.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/go-chi/chi/v5"
)

func main() {
	sqlite := flag.String("sqlite", "", "path of a new SQLite database, or")
	postgres := flag.String("postgres", "", "URL of an empty PostgreSQL database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *sqlite, *postgres); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, sqlite, postgres string) error {
	commit, err := openPostgres(ctx, postgres)
	if sqlite != "" {
		commit, err = openSQLite(sqlite)
	}
	if err != nil {
		return err
	}
	queue := make(chan *waiter, 10_000)
	go drain(queue, commit)
	mux := chi.NewMux()
	mux.Post("/api/v1/checkins", func(w http.ResponseWriter, r *http.Request) {
		var c checkIn
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		waiting := &waiter{checkIn: c, done: make(chan error, 1)}
		queue <- waiting
		if err := <-waiting.done; err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"results": []result{{c.RunID, http.StatusOK}}}) // the client sees that it is cut
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintln(os.Stdout, "ready", listener.Addr())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// checkIn is what is sent.
type checkIn struct {
	RunID        string     `json:"runId"`
	Job          string     `json:"job"`
	Event        string     `json:"event"`
	ScheduledFor *time.Time `json:"scheduledFor"`
	At           time.Time  `json:"at"`
	ExitCode     *int64     `json:"exitCode"`
	Attempt      int64      `json:"attempt"`
	Output       []byte     `json:"output"`
	Message      string     `json:"message"`
	Revision     string     `json:"revision"`
}

type result struct {
	RunID  string `json:"runId"`
	Status int    `json:"status"`
}

type waiter struct {
	checkIn
	done chan error
}

// drain commits what is queued, at most 500 at a time.
func drain(queue <-chan *waiter, commit func([]*waiter) error) {
	for first := range queue {
		batch := []*waiter{first}
		for len(batch) < 500 && len(queue) > 0 {
			batch = append(batch, <-queue)
		}
		err := commit(batch)
		for _, w := range batch {
			w.done <- err
		}
	}
}
