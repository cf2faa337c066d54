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

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/logs"
)

// Limits of a request's body. A route may set another with MaxBodyBytes.
const (
	defaultBodyLimit = 1 << 20
	bodyReadTimeout  = 30 * time.Second
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
func readDeadline(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = withReadDeadline(w, r.Body)
	}
	next(ctx)
}

func withReadDeadline(w http.ResponseWriter, body io.ReadCloser) io.ReadCloser {
	return &deadlineBody{ReadCloser: body, conn: http.NewResponseController(w)}
}

type deadlineBody struct {
	io.ReadCloser
	conn        *http.ResponseController
	set, lifted bool
}

func (b *deadlineBody) Read(p []byte) (int, error) {
	if !b.set {
		b.set = true
		_ = b.conn.SetReadDeadline(time.Now().Add(bodyReadTimeout)) // not every writer in tests has deadlines
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.lift()
	}
	return n, err
}

// Close lifts the deadline last: net/http reads what is left of a body.
func (b *deadlineBody) Close() error {
	err := b.ReadCloser.Close()
	b.lift()
	return err
}

// lift takes the deadline off again, once.
func (b *deadlineBody) lift() {
	if b.set && !b.lifted {
		b.lifted = true
		_ = b.conn.SetReadDeadline(time.Time{})
	}
}

func stack() string { return string(debug.Stack()) }
