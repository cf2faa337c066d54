package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/app/metrics"
	"crontopus.dev/crontopus/internal/trace"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/syncer"
)

// App is a server that has been put together and not yet started.
type App struct {
	options   Options
	log       *slog.Logger
	listener  net.Listener
	store     *store.Store
	recorder  *store.Recorder
	metrics   *metrics.Metrics
	keys      *keyring
	signer    *crontopus.Key    // public half of the signing key, nil without the role syncer
	syncer    *syncer.Syncer    // nil without the role
	publisher *syncer.Publisher // nil without the role
	deliverer *alert.Deliverer
	retire    context.CancelFunc // ends the two while the server runs
	detector  *alert.Detector    // nil without the role
	api       *api.API
	unwind    []func() error // what New opened, to be closed in reverse

	tracer          trace.Tracer
	metricsListener net.Listener // nil: nobody is shown the metrics
}

// New opens everything that the server needs, the sockets before it makes anything: who names
// a port that is taken gets no keys. What was opened is closed again when a later part fails.
func New(ctx context.Context, o Options, version string, log *slog.Logger) (_ *App, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	a := &App{options: o, log: log, metrics: metrics.New(version)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	lock, err := lockData(o.Data)
	if err != nil {
		return nil, err
	}
	a.opened(lock.Close)
	if err := a.openSockets(); err != nil {
		return nil, err
	}
	if err := o.requireKeys(ctx); err != nil {
		return nil, err
	}
	keys, err := loadKeys(o)
	if err != nil {
		return nil, err
	}
	if keys.offline != "" {
		log.InfoContext(ctx, "made the recovery key; move it offline: it is the only way back if the signing key is lost, and whoever has it can replace all keys", "file", keys.offline)
	}
	a.store, err = store.Open(ctx, o.storeOptions(keys, log))
	if err != nil {
		return nil, err
	}
	a.opened(a.store.Close)
	if o.Database != "" {
		if err := a.store.SystemAdoptBox(ctx); err != nil {
			return nil, boxError(o, err)
		}
	}
	if path, err := ensureAdminKey(ctx, a.store, o.Data, time.Now()); err != nil {
		return nil, err
	} else if path != "" {
		log.InfoContext(ctx, "made the first API key; keep it safe", "file", path)
	}
	if err := a.trace(ctx, version); err != nil {
		return nil, err
	}
	if err := a.compose(ctx, keys, version); err != nil {
		return nil, err
	}
	a.watch()
	return a, nil
}

// storeOptions name the PostgreSQL database, or the SQLite file where there is none.
func (o *Options) storeOptions(k keys, log *slog.Logger) store.Options {
	s := store.Options{URL: o.Database, Box: k.box, Now: time.Now, Log: log}
	s.Keep, _ = o.keepRuns() // validate has refused what it cannot be
	if o.Database == "" {
		s.Path = filepath.Join(o.Data, databaseName)
	}
	return s
}

// openSockets opens the sockets of the API and, if it is to be shown, of the metrics' page.
func (a *App) openSockets() (err error) {
	a.listener, err = a.listen(a.options.Listen, "--listen")
	if err == nil && a.options.MetricsListen != "" {
		a.metricsListener, err = a.listen(a.options.MetricsListen, "--metrics-listen")
	}
	return err
}

// listen opens the socket at the address that a flag names.
func (a *App) listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		hint := "name an address of this machine and a port of 0 to 65535 that this user may open"
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "stop what listens there, or choose another address"
		}
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot listen on %s: %w", address, err).WithHint("%s with %s HOST:PORT", hint, flag)
	}
	a.opened(func() error { // closing twice is fine: Serve closes it first
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return l, nil
}

// compose joins the parts.
func (a *App) compose(ctx context.Context, k keys, version string) error {
	installation, err := a.store.SystemInstallation(ctx)
	if err != nil {
		return err
	}
	if err := a.openKeys(ctx, k, installation.ID); err != nil {
		return err
	}
	networks, err := a.options.networks()
	if err != nil {
		return err
	}
	so := syncer.Options{
		DataDir: a.options.Data, Key: k.signing, OlderKeys: a.keys.publicKeys(),
		AllowNetworks: networks, AllowFileSources: a.options.AllowFileSources,
		BundleLife: a.options.BundleLife, Store: a.store, Observer: a.metrics, Tracer: a.tracer, Now: time.Now, Log: a.log,
		OnMarked:    func() { a.publisher.Wake() },
		OnPublished: func(t crontopus.TenantID, ids []string) { a.api.Published(t, ids) },
	}
	wakeSyncer, wakePublisher := func() {}, func() {}
	if a.options.has(RoleSyncer) {
		if a.syncer, err = syncer.New(so); err != nil {
			return err
		}
		if a.publisher, err = a.syncer.Publisher(); err != nil {
			return err
		}
		wakeSyncer, wakePublisher = a.syncer.Wake, a.publisher.Wake
	}
	if a.options.has(RoleAlert) {
		a.detector = alert.NewDetector(alert.Detector{Store: a.store, Observer: a.metrics, Now: time.Now, Log: a.log})
	}
	a.deliverer = a.newDeliverer(networks)
	a.recorder = store.NewRecorder(a.store)
	a.api, err = api.New(api.Options{
		Store: apiStore{a.store, a.recorder}, Observer: a.metrics, Tracer: a.tracer, Now: time.Now, Log: a.log, Version: version, Installation: installation,
		Keys: a.keys.shown(), HealthOnly: !a.options.has(RoleAPI),
		PublicURL:      a.URL(),
		CheckSourceURL: func(url string) error { return syncer.CheckURL(url, so) },
		TestChannel:    a.deliverer.Test,
		WakeSyncer:     wakeSyncer, WakePublisher: wakePublisher,
	})
	if err == nil {
		a.recorder.Told = a.api.RunChanged
	}
	return err
}

// apiStore is the store with check-ins that share transactions.
type apiStore struct {
	*store.Store
	recorder *store.Recorder
}

func (s apiStore) RecordCheckIns(ctx context.Context, tenant crontopus.TenantID, agentID string, list []crontopus.CheckIn) ([]error, error) {
	return s.recorder.RecordCheckIns(ctx, tenant, agentID, list)
}

func (s apiStore) RecordPing(ctx context.Context, p crontopus.Ping) error {
	return s.recorder.RecordPing(ctx, p)
}

// URL is where the server is reached.
func (a *App) URL() string {
	if a.options.PublicURL != "" {
		return a.options.PublicURL
	}
	scheme := "http"
	if a.options.TLSCert != "" {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, a.listener.Addr())
}

// ballast is memory that is never touched, so that it costs none. The garbage collector sees a
// larger heap and lets this much more garbage lie before it works: a server's small requests
// leave little behind that lives.
const ballast = 32 << 20

// Run serves until ctx ends, then stops in order: load balancers are told, no new requests, those
// under way are finished, the components end, the store is closed. It returns the first failure.
func (a *App) Run(ctx context.Context) error {
	untouched := make([]byte, ballast)
	defer runtime.KeepAlive(untouched)
	server := &http.Server{
		Handler:           a.api,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute, // a long poll waits for up to one
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	// Components outlive the requests: what a request was promised still gets written.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts, background := errgroup.WithContext(background)
	if a.syncer != nil {
		var signing context.Context
		signing, a.retire = context.WithCancel(background)
		defer a.retire()
		parts.Go(func() error { return a.syncer.Run(signing) })
		parts.Go(func() error { return a.publisher.Run(signing) })
		parts.Go(func() error { return a.prune(background) })
	}
	if a.options.has(RoleAPI) { // before anybody judges how long agents have been silent
		if err := a.store.SystemServing(background, time.Now()); err != nil {
			return errors.Join(err, a.close())
		}
		parts.Go(func() error { return a.serving(background) })
	}
	if a.detector != nil {
		router := alert.Router{Store: a.store, Now: time.Now, Log: a.log}
		parts.Go(func() error { return a.detector.Run(background) })
		parts.Go(func() error { return router.Run(background) })
	}
	parts.Go(func() error { return a.api.Run(background) })
	parts.Go(func() error { return a.recorder.Run(background) })
	parts.Go(func() error {
		return a.store.SystemListen(background, a.log, func(c store.Change) { a.heed(background, c) })
	})
	if a.options.has(RoleAlert) {
		queue := store.NewQueue(a.store, a.deliverer.Deliver, a.log)
		parts.Go(func() error { return queue.Run(background) })
	}
	parts.Go(func() error { return a.serveMetrics(background) })

	serving, failed := errgroup.WithContext(ctx)
	serving.Go(func() error { return a.serve(server) })
	serving.Go(func() error {
		select {
		case <-failed.Done():
		case <-background.Done(): // a part failed
		}
		leave, cancel := context.WithTimeout(background, a.options.DrainDelay)
		a.api.Leave(leave)
		cancel()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.options.DrainTimeout)
		defer cancel()
		a.api.Drain(drain)
		return server.Shutdown(drain)
	})
	a.log.InfoContext(ctx, "serving", "url", a.URL(), "data", a.options.Data, "roles", a.options.Roles)
	err := serving.Wait()
	stop()
	err = errors.Join(err, parts.Wait(), a.close())
	a.log.InfoContext(ctx, "stopped")
	return err
}

func (a *App) serve(server *http.Server) (err error) {
	if a.options.TLSCert != "" {
		err = server.ServeTLS(a.listener, a.options.TLSCert, a.options.TLSKey)
	} else {
		err = server.Serve(a.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// opened remembers how to undo a step of New.
func (a *App) opened(undo func() error) { a.unwind = append(a.unwind, undo) }

func (a *App) close() error {
	var errs []error
	for i := len(a.unwind) - 1; i >= 0; i-- {
		errs = append(errs, a.unwind[i]())
	}
	a.unwind = nil
	return errors.Join(errs...)
}

// ServeFetch is the fetch child's whole work: one repository, from a request on in to an
// answer on out, in a process of its own.
func ServeFetch(ctx context.Context, in io.Reader, out io.Writer) error {
	return syncer.ServeFetch(ctx, in, out)
}
