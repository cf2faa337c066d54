package trace_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/trace"
)

func TestWhatIsDoneOnBehalfOfASpanNamesIt(t *testing.T) {
	const span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	require.Empty(t, trace.Of(t.Context()))
	ctx := trace.With(t.Context(), span)
	require.Equal(t, span, trace.Of(ctx))
	require.Equal(t, span, trace.Of(trace.With(ctx, "")), "who is not traced is on behalf of who asked")
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", trace.ID(span))
	require.Empty(t, trace.ID(""))
}

func TestASpanOfAServerThatNobodyTracesHasNoName(t *testing.T) {
	span := trace.Off{}.Begin("", "sync", time.Now())
	require.Empty(t, span.Name())
	span.End(time.Now(), "")
}
