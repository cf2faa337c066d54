package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"crontopus.dev/crontopus/app/metrics"
	"crontopus.dev/crontopus/app/tracing"
	"crontopus.dev/crontopus/internal/trace"
	"crontopus.dev/crontopus/store"
)

// watch lets the metrics look at what counts by itself.
func (a *App) watch() {
	a.metrics.Watch(metrics.Watched{
		Waiting: a.api.Waiting, CheckIns: a.recorder.Waiting, Stats: a.store.SystemStats,
		Tally: func(ctx context.Context) (store.Tally, error) { return a.store.SystemTally(ctx, time.Now()) }, Now: time.Now,
	})
}

// trace has spans told to the collector, if there is one.
func (a *App) trace(ctx context.Context, version string) error {
	a.tracer = trace.Off{}
	if a.options.OTLPEndpoint == "" {
		return nil
	}
	t, err := tracing.New(ctx, a.options.OTLPEndpoint, version, a.log)
	if err != nil {
		return err
	}
	a.tracer = t
	a.opened(t.Close)
	return nil
}

// MetricsURL is where the metrics are, "" if nowhere.
func (a *App) MetricsURL() string {
	if a.metricsListener == nil {
		return ""
	}
	return "http://" + a.metricsListener.Addr().String() + "/metrics"
}

// serveMetrics shows the metrics until ctx ends: to the end of the drain, which they show.
// The page is apart from the API: it tells of all tenants together, and asks nobody who they are.
func (a *App) serveMetrics(ctx context.Context) error {
	if a.metricsListener == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // there is nothing to lose
	defer stop()
	a.log.InfoContext(ctx, "serving metrics", "url", a.MetricsURL())
	if err := server.Serve(a.metricsListener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
