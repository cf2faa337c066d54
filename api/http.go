package api

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/logs"
)

// Limits of a request's body. A route may set another with MaxBodyBytes.
const (
	defaultBodyLimit = 1 << 20
	bodyReadTimeout  = 30 * time.Second
	bodyLeftTimeout  = 5 * time.Second // for what is left when the answer is known
)

type requestIDKey struct{}

// requestID gives every request an id: the caller's, if it is a sane one, or a new one.
func requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(wire.HeaderRequestID)
		if !saneRequestID(id) {
			id = rand.Text()
		}
		w.Header().Set(wire.HeaderRequestID, id)
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		next.ServeHTTP(w, r.WithContext(logs.With(ctx, slog.String("requestId", id))))
	})
}

func requestIDOf(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// saneRequestID keeps what a caller says from breaking a log line.
func saneRequestID(id string) bool {
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.", r)
	}) < 0
}

// standardHeaders keeps answers out of caches and browsers from guessing at them, and says
// which version answers: a program of another one can then say so when it understands nothing.
func standardHeaders(version string) func(http.Handler) http.Handler {
	standard := http.Header{}
	standard.Set("X-Content-Type-Options", "nosniff")
	standard.Set("Cache-Control", "no-store")
	if version != "" {
		standard.Set(wire.HeaderVersion, version)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), standard) // nobody writes into a header's values
			next.ServeHTTP(w, r)
		})
	}
}

// readDeadline bounds how long a body may take to arrive. The deadline goes once the body
// is in: net/http cancels the context of a handler that is still at work when it passes.
func readDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := withReadDeadline(w, r.Body)
		r.Body = body
		next.ServeHTTP(w, r)
		body.leave()
	})
}

func withReadDeadline(w http.ResponseWriter, body io.ReadCloser) *deadlineBody {
	return &deadlineBody{ReadCloser: body, conn: http.NewResponseController(w)}
}

type deadlineBody struct {
	io.ReadCloser
	conn *http.ResponseController
	set  bool
	over bool // nobody reads on
}

func (b *deadlineBody) Read(p []byte) (int, error) {
	if !b.set {
		b.set = true
		b.allow(bodyReadTimeout)
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.end()
	}
	return n, err
}

// Close lifts the deadline last: net/http reads what is left of a body.
func (b *deadlineBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}

// end lifts the deadline, once.
func (b *deadlineBody) end() {
	if b.set && !b.over {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	b.over = true
}

// leave is called when the request is answered. net/http reads what is left of a body before it sends the answer,
// and who was refused is not waited for as those are whose body is wanted.
func (b *deadlineBody) leave() {
	if !b.over {
		b.allow(bodyLeftTimeout)
	}
}

func (b *deadlineBody) allow(d time.Duration) {
	_ = b.conn.SetReadDeadline(time.Now().Add(d)) // not every writer in tests has deadlines
}

func stack() string { return string(debug.Stack()) }
