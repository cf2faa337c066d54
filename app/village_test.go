package app_test

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// village is a whole installation in a bubble, where an hour passes as soon as nobody has anything
// to do: a real server, real agents with their crontabs, and a network in memory between them.
type village struct {
	*client.Client // as its first administrator
	t              *testing.T
	repo           *gittest.Repo
	change         func(*app.Options)
	hosts          []*villager

	mu   sync.Mutex
	net  *wires // where the server listens; nil while it is away
	stop func()
}

const villageURL = "http://127.0.0.1:1"

// newVillage has a server with a source. It ends with the test.
func newVillage(t *testing.T, repo *gittest.Repo, change func(*app.Options)) *village {
	v := &village{t: t, repo: repo}
	data := filepath.Join(t.TempDir(), "data")
	v.change = func(o *app.Options) {
		o.Listen, o.Data, o.AllowFileSources, o.DrainTimeout = "127.0.0.1:0", data, true, time.Second
		o.AllowNetworks = []string{"127.0.0.0/8"}
		change(o)
	}
	v.start()
	t.Cleanup(func() {
		for _, h := range v.hosts {
			h.off()
		}
		v.stop()
	})
	key, err := os.ReadFile(filepath.Join(data, "admin.key"))
	require.NoError(t, err)
	v.Client = v.client(client.WithAPIKey(strings.TrimSpace(string(key))), client.Dialing(v.dial))
	require.NoError(t, v.SetSecret(t.Context(), wire.SecretInput{Name: "hook", Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))
	_, err = v.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch, Interval: crontopus.Duration(24 * time.Hour)})
	require.NoError(t, err)
	return v
}

func (v *village) client(options ...client.Option) *client.Client {
	c, err := client.New(villageURL, options...)
	require.NoError(v.t, err)
	return c
}

// start starts the server, again if it was away.
func (v *village) start() {
	o := app.Defaults()
	v.change(&o)
	a, err := app.New(v.t.Context(), o, "v1", slog.New(slog.DiscardHandler))
	require.NoError(v.t, err)
	w := newWires()
	require.NoError(v.t, a.ListenOn(w))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.net = w
	v.stop = sync.OnceFunc(func() {
		v.mu.Lock()
		v.net = nil
		v.mu.Unlock()
		cancel()
		require.NoError(v.t, <-done)
	})
}

func (v *village) dial(ctx context.Context, network, address string) (net.Conn, error) {
	v.mu.Lock()
	w := v.net
	v.mu.Unlock()
	if w == nil {
		return nil, errRefused
	}
	return w.dial(ctx, network, address)
}

// push commits files and has them synced.
func (v *village) push(message string, files map[string]string) {
	v.repo.Commit(v.t, message, files)
	require.NoError(v.t, v.SyncSource(v.t.Context(), "fleet"))
}

// enrolls makes the identity of a host.
func (v *village) enrolls(name string, dial dialer) enrolledHost {
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(v.t, err)
	made, err := v.CreateEnrollmentToken(v.t.Context(), wire.TokenInput{Name: name})
	require.NoError(v.t, err)
	secret, _, _ := strings.Cut(made.Printed, ".")
	id, err := v.client(client.Dialing(dial)).Enroll(v.t.Context(), key, wire.Enroll{Token: secret})
	require.NoError(v.t, err)
	return enrolledHost{v.client(client.WithAgent(id.AgentID, id.InstallationID, key), client.Dialing(dial)), id}
}

// incidents are all that there ever were, by whom they are about: job on host, or host; the newest each.
func (v *village) incidents() map[string]crontopus.Incident {
	list, err := v.Incidents(v.t.Context(), crontopus.IncidentFilter{}, crontopus.Page{Limit: 200})
	require.NoError(v.t, err)
	all := map[string]crontopus.Incident{}
	for _, in := range slices.Backward(list.Items) { // the newest comes first
		about := in.Subject.Agent
		if in.Subject.Job.Name != "" {
			about = strings.TrimSuffix(in.Subject.Job.Name+" on "+about, " on ")
		}
		story, err := v.Incident(v.t.Context(), in.ID)
		require.NoError(v.t, err)
		all[about] = story.Incident
	}
	return all
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// wires are a network in memory, on which one server listens.
type wires struct {
	conns chan net.Conn
	down  chan struct{}
	once  sync.Once
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errNoRoute)}

type noRoute struct{}

func (noRoute) Error() string { return "no route to host" }

var errNoRoute = noRoute{}

func newWires() *wires { return &wires{conns: make(chan net.Conn), down: make(chan struct{})} }

func (w *wires) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.down:
		return nil, net.ErrClosed
	}
}

func (w *wires) Close() error {
	w.once.Do(func() { close(w.down) })
	return nil
}

func (w *wires) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (w *wires) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-w.down:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
