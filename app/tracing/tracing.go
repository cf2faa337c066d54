// Package tracing tells an OpenTelemetry collector of spans, by OTLP over HTTP.
//
// Whoever begins spans does not know it: they are handed a trace.Tracer. It imports the root and
// internal/trace.
package tracing

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

// leave is how long a server that stops waits for the collector to take the last spans.
const leave = 5 * time.Second

// Tracer tells of spans in the background, in batches. What a collector does not take is lost,
// and nothing waits for it.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   otel.Tracer
}

// New returns the tracer of a server of the version. The endpoint is the base URL of a collector;
// whatever else there is to say to it (headers, certificates, sampling) say the variables OTEL_….
func New(ctx context.Context, endpoint, version string, log *slog.Logger) (*Tracer, error) {
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "--otlp-endpoint %q is not the URL of a collector", endpoint).
			WithHint("write it as http://HOST:4318, where an OpenTelemetry collector takes OTLP over HTTP")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base.JoinPath("v1/traces").String()))
	if err != nil {
		return nil, err
	}
	about := resource.NewSchemaless(attribute.String("service.name", "crontopus"), attribute.String("service.version", version))
	if about, err = resource.Merge(about, resource.Environment()); err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(quiet{exporter, log}), sdk.WithResource(about))
	return &Tracer{provider, provider.Tracer("crontopus.dev/crontopus")}, nil
}

// Close tells of what has ended.
func (t *Tracer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), leave)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // quiet has told why
	return nil
}

// quiet lets the log know of a collector that is away, once a batch; OpenTelemetry would tell a
// logger of its own.
type quiet struct {
	sdk.SpanExporter
	log *slog.Logger
}

// ExportSpans sends spans.
func (q quiet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.log.WarnContext(ctx, "the collector did not take spans; they are lost", "spans", len(spans), "error", err)
	}
	return nil
}

// w3c is how a span is named.
var w3c = propagation.TraceContext{}

const parentKey = "traceparent"

// Begin begins a span.
func (t *Tracer) Begin(parent, name string, at time.Time) trace.Span {
	ctx := w3c.Extract(context.Background(), propagation.MapCarrier{parentKey: parent})
	ctx, s := t.tracer.Start(ctx, name, otel.WithTimestamp(at), otel.WithSpanKind(kindOf(name)))
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return span{s, carrier[parentKey]}
}

// kindOf is what collectors draw a request as.
func kindOf(name string) otel.SpanKind {
	if name == "webhook" || name == "bundle" {
		return otel.SpanKindServer
	}
	return otel.SpanKindInternal
}

type span struct {
	otel.Span
	name string
}

// Name is the span's as a parent.
func (s span) Name() string { return s.name }

// End ends the span.
func (s span) End(at time.Time, problem string, attributes ...slog.Attr) {
	for _, a := range attributes {
		s.SetAttributes(attribute.String("crontopus."+a.Key, a.Value.String()))
	}
	if problem != "" {
		s.SetStatus(codes.Error, problem)
	}
	s.Span.End(otel.WithTimestamp(at))
}
