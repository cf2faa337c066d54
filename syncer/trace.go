package syncer

import (
	"log/slog"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

// traced tells of the sync and of each of its stages, unless nobody asked for it and it found nothing.
func (a *attempt) traced(v verdict, changed bool) {
	if a.parent == "" && !changed {
		return
	}
	last := a.sync.Started
	for _, s := range a.sync.Stages {
		a.Tracer.Begin(a.span.Name(), s.Name, last).End(s.At, "")
		last = s.At
	}
	problem := ""
	if !v.ready {
		problem = v.message
	}
	a.span.End(last, problem, slog.String("source", a.source.Name), slog.String("sync", a.sync.ID),
		slog.String("trigger", a.sync.Trigger), slog.String("revision", a.revision), slog.String("reason", v.reason))
}

// spans are those of a batch of bundles, one below each sync that marked agents.
type spans map[string]trace.Span

func (p *Publisher) spans(marks []crontopus.Mark) spans {
	s := spans{}
	for _, m := range marks {
		if m.Trace != "" && s[m.Trace] == nil {
			s[m.Trace] = p.Tracer.Begin(m.Trace, "publish", p.Now())
		}
	}
	return s
}

// name is the span in which a marked agent's bundle is published.
func (s spans) name(m crontopus.Mark) string {
	if span := s[m.Trace]; span != nil {
		return span.Name()
	}
	return ""
}

// end tells of the bundles that came to be.
func (p *Publisher) end(s spans, pubs []crontopus.Publication) {
	for _, span := range s {
		n := 0
		for i := range pubs {
			if pubs[i].Trace == span.Name() {
				n++
			}
		}
		if n > 0 {
			span.End(p.Now(), "", slog.Int("bundles", n))
		}
	}
}
