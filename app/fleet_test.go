package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/app"
)

// serve is the test program as a server, with the options that its environment holds. It
// ends with its standard input, too, which nobody closes while the test lives.
func serve() int {
	var o app.Options
	if err := json.Unmarshal([]byte(os.Getenv("SERVER_OPTIONS")), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	a, err := app.New(ctx, o, "v1", slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err == nil {
		err = a.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a server in a process of its own, at an address that it keeps.
type process struct {
	options app.Options
	address string
	cmd     *exec.Cmd
	stdin   io.Closer // while it is open, the server lives
}

// fleet is several server processes on one database, behind a load balancer.
type fleet struct {
	*client.Client // of the first administrator, through the balancer
	URL            string
	processes      []*process
	log            safeLog

	mu    sync.Mutex
	ready map[string]bool // addresses that take requests
	turn  int
}

// newFleet starts n servers and waits until all take requests.
func newFleet(t *testing.T, n int, drainDelay time.Duration, change ...func(*app.Options)) *fleet {
	t.Helper()
	s := newShared(t)
	f := &fleet{ready: map[string]bool{}}
	for i := range n {
		o := s.first
		if i > 0 {
			o = s.options(t)
			s.give(t, o, "box.key", "keyset.json", "recovery.pub", "signing.pem")
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		o.Listen, o.DrainDelay, o.DrainTimeout = l.Addr().String(), drainDelay, 10*time.Second
		for _, f := range change {
			f(&o)
		}
		require.NoError(t, l.Close())
		p := &process{options: o, address: o.Listen}
		f.processes = append(f.processes, p)
		f.start(t, p)
		t.Cleanup(func() { _ = f.end(p, syscall.SIGKILL) })
		if i == 0 {
			f.await(t, p)
		}
	}
	balancer := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", f.pick() },
		Transport: &http.Transport{MaxIdleConnsPerHost: 100},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				fmt.Fprintf(&f.log, "balancer: %s %s: %v\n", r.Method, r.URL, err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	t.Cleanup(balancer.Close)
	f.URL = balancer.URL
	f.watch(t)
	for _, p := range f.processes {
		f.await(t, p)
	}
	var err error
	f.Client, err = client.New(f.URL, client.WithAPIKey(adminKey(t, s.first)))
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(f.log.text.String())
		}
	})
	return f
}

func (f *fleet) start(t *testing.T, p *process) {
	t.Helper()
	o, err := json.Marshal(p.options)
	require.NoError(t, err)
	p.cmd = exec.Command(os.Args[0], "serve")
	p.cmd.Env = append(os.Environ(), "SERVER_OPTIONS="+string(o))
	p.cmd.Stderr = &f.log
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
}

// end ends a process and returns how it did.
func (f *fleet) end(p *process, with syscall.Signal) error {
	if p.cmd == nil {
		return nil
	}
	err := errors.Join(p.cmd.Process.Signal(with), p.cmd.Wait())
	p.cmd = nil
	return err
}

// watch is the balancer's look at the servers.
func (f *fleet) watch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, p := range f.processes {
		all.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				yes := isReady(ctx, p.address)
				f.mu.Lock()
				f.ready[p.address] = yes
				f.mu.Unlock()
				<-tick.C
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
}

func isReady(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// pick takes turns among those who take requests.
func (f *fleet) pick() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range f.processes {
		f.turn++
		if address := f.processes[f.turn%len(f.processes)].address; f.ready[address] {
			return address
		}
	}
	return f.processes[0].address
}

// await waits until a server takes requests, and the balancer knows.
func (f *fleet) await(t *testing.T, p *process) {
	t.Helper()
	until(t, "the server is ready", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.ready[p.address] || f.URL == "" && isReady(t.Context(), p.address)
	})
}

// running is the fleet as what enrolls hosts.
func (f *fleet) running() *running { return &running{Client: f.Client, URL: f.URL} }
