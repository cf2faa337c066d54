package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes OTLP over HTTP, as an OpenTelemetry collector does.
type collector struct {
	URL string

	mu       sync.Mutex
	spans    []*otlp.Span
	services map[string]string // attributes of the resource
	wrong    []string          // what a collector would not have understood
}

func newCollector(t *testing.T) *collector {
	c := &collector{services: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var said collect.ExportTraceServiceRequest
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
		proto.Unmarshal(body, &said) != nil {
		c.wrong = append(c.wrong, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, resource := range said.ResourceSpans {
		attributes(resource.Resource.Attributes, c.services)
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	answer, err := proto.Marshal(&collect.ExportTraceServiceResponse{})
	if err == nil {
		_, _ = w.Write(answer)
	}
}

func attributes(list []*common.KeyValue, into map[string]string) map[string]string {
	for _, a := range list {
		into[a.Key] = a.Value.GetStringValue()
	}
	return into
}

// told returns the spans of each trace, by the name of the trace's root.
func (c *collector) told(t *testing.T) map[string][]*otlp.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(t, c.wrong)
	roots, traces := map[string]string{}, map[string][]*otlp.Span{}
	for _, s := range c.spans {
		if len(s.ParentSpanId) == 0 {
			require.NotContains(t, roots, string(s.TraceId), "a trace has one root")
			roots[string(s.TraceId)] = s.Name
		}
	}
	for _, s := range c.spans {
		root := roots[string(s.TraceId)]
		require.NotEmpty(t, root, "%s is part of a trace without a beginning", s.Name)
		traces[root] = append(traces[root], s)
	}
	return traces
}

// tree says of each span below which other one it lies: name to parent's name.
func tree(t *testing.T, spans []*otlp.Span) map[string]string {
	t.Helper()
	names, parents := map[string]string{}, map[string]string{}
	for _, s := range spans {
		names[string(s.SpanId)] = s.Name
	}
	for _, s := range spans {
		require.NotContains(t, parents, s.Name, "there are two of %s", s.Name)
		parents[s.Name] = names[string(s.ParentSpanId)]
		if len(s.ParentSpanId) > 0 {
			require.NotEmpty(t, parents[s.Name], "the parent of %s was not told of", s.Name)
		}
	}
	return parents
}

func named(t *testing.T, spans []*otlp.Span, name string) *otlp.Span {
	t.Helper()
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	t.Fatal("there is no span " + name)
	return nil
}
