// Package trace leads from a push to what it came to on hosts: who does something on behalf of
// somebody else begins a span below the other's. Between them lie queues, a database and other
// servers, so what is handed on is the name of a span, as text.
//
// It imports nothing of the project. How spans are kept and told is up to a Tracer.
package trace

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// Tracer makes spans.
type Tracer interface {
	// Begin begins one below the parent that is named, or a new trace where the parent is "".
	Begin(parent, name string, at time.Time) Span
}

// Span is something that takes time. One that does not end is not told of.
type Span interface {
	// Name is how others name it as their parent: a W3C traceparent, or "" where nobody traces.
	Name() string
	// End tells of it; problem says why it did not go well, "" that it did.
	End(at time.Time, problem string, attributes ...slog.Attr)
}

// Off is a Tracer of a server that nobody traces.
type Off struct{}

// Begin returns a span that is told to nobody.
func (Off) Begin(string, string, time.Time) Span { return untold{} }

type untold struct{}

func (untold) Name() string                        { return "" }
func (untold) End(time.Time, string, ...slog.Attr) {}

type key struct{}

// With names the span on whose behalf something is done.
func With(ctx context.Context, span string) context.Context {
	if span == "" {
		return ctx
	}
	return context.WithValue(ctx, key{}, span)
}

// Of returns the name of the span on whose behalf something is done, "" if there is none.
func Of(ctx context.Context) string {
	span, _ := ctx.Value(key{}).(string)
	return span
}

// ID is the trace that a span is part of, for logs.
func ID(span string) string {
	parts := strings.Split(span, "-")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
