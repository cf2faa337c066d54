package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/app"
)

// running is a server that a test has started.
type running struct {
	*client.Client // as its first administrator
	URL            string
	stop           func()
}

// start starts a server on a data folder. It ends with the test, or before with stop.
func start(t *testing.T, data string, change ...func(*app.Options)) *running {
	t.Helper()
	o := app.Defaults()
	o.Listen, o.Data, o.AllowFileSources, o.DrainTimeout = "127.0.0.1:0", data, true, time.Second
	for _, f := range change {
		f(&o)
	}
	a, err := app.New(t.Context(), o, "v1.2.3", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	r := &running{URL: a.URL()}
	r.stop = func() {
		if cancel != nil {
			cancel()
			cancel = nil
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(r.stop)
	key, err := os.ReadFile(filepath.Join(data, "admin.key"))
	require.NoError(t, err)
	r.Client, err = client.New(r.URL, client.WithAPIKey(strings.TrimSpace(string(key))))
	require.NoError(t, err)
	return r
}

// made returns a data folder in which a server has run.
func made(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	start(t, data).stop()
	return data
}
