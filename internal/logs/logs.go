// Package logs makes the programs' loggers: in the form and from the level that a person
// chose, with what the context says of the work that a line is part of, such as a request
// or a sync. It knows nothing of jobs. Every package may import it.
package logs

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
)

// The forms of a log.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// The levels that a log may begin at.
const (
	LevelDebug = "debug"
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"
)

// Options say how a program logs. The zero value is text from level info.
type Options struct {
	Format string // FormatText or FormatJSON
	Level  string // one of the Level constants
}

// Flags declares the options as flags of the set.
func (o *Options) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Format, "log-format", FormatText, "how to write the log: text or json, one object a line")
	flags.StringVar(&o.Level, "log-level", LevelInfo, "log from this level on: debug, info, warn or error")
}

// New returns a logger to w.
func New(w io.Writer, o Options) (*slog.Logger, error) {
	level, err := o.level()
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	switch o.Format {
	case FormatText, "":
		return slog.New(Handler(slog.NewTextHandler(w, options))), nil
	case FormatJSON:
		return slog.New(Handler(slog.NewJSONHandler(w, options))), nil
	}
	return nil, crontopus.Errorf(crontopus.CodeInvalid, "%q is not a form of log", o.Format).WithHint("write --log-format text or json")
}

// levels are those that a person may name; slog itself would take "info+3".
var levels = map[string]slog.Level{
	"": slog.LevelInfo, LevelDebug: slog.LevelDebug, LevelInfo: slog.LevelInfo, LevelWarn: slog.LevelWarn, LevelError: slog.LevelError,
}

func (o Options) level() (slog.Level, error) {
	level, ok := levels[o.Level]
	if !ok {
		return 0, crontopus.Errorf(crontopus.CodeInvalid, "%q is not a level of logs", o.Level).WithHint("write --log-level debug, info, warn or error")
	}
	return level, nil
}

type attrsKey struct{}

// With returns a context whose every log line has the attributes. Attributes that it has
// already come first.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	return context.WithValue(ctx, attrsKey{}, append(slices.Clip(of(ctx)), attrs...))
}

func of(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return attrs
}

// Handler returns a handler that adds what With put into the context of a line. One that
// does so already is returned as it is.
func Handler(next slog.Handler) slog.Handler {
	if h, ok := next.(handler); ok {
		return h
	}
	return handler{next}
}

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(of(ctx)...)
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
