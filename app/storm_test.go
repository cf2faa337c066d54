package app_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// storm is a server, a repository behind a gate, and a forge that delivers webhooks.
type storm struct {
	*running

	server *gittest.Server
	gate   chan struct{} // closed to let Git's requests through
	forge  *http.Client
	body   []byte
	signed string
}

const stormSecret = "s3cret"

func newStorm(t *testing.T, files map[string]string) *storm {
	t.Helper()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "jobs", files)
	s := &storm{server: repo.Serve(t), gate: make(chan struct{}),
		forge: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: deliverers}}, body: []byte(`{"ref": "refs/heads/` + gittest.Branch + `"}`)}
	t.Cleanup(s.forge.CloseIdleConnections)
	s.server.Fault(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-s.gate:
				git.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	})
	s.running = start(t, t.TempDir(), func(o *app.Options) { o.AllowNetworks = []string{"127.0.0.0/8"} })
	mac := hmac.New(sha256.New, []byte(stormSecret))
	mac.Write(s.body)
	s.signed = hex.EncodeToString(mac.Sum(nil))
	return s
}

// source adds a source and returns the address of its webhook.
func (s *storm) source(t *testing.T, name, path string) (hook string) {
	t.Helper()
	added, err := s.AddSource(t.Context(), wire.SourceInput{Name: name, URL: s.server.URL, Branch: gittest.Branch, Path: path,
		Interval: crontopus.Duration(24 * time.Hour), WebhookSecret: stormSecret})
	require.NoError(t, err)
	return s.URL + "/hooks/forgejo/" + added.Source.ID
}

func (s *storm) deliver(hook string) error {
	r, err := http.NewRequest(http.MethodPost, hook, bytes.NewReader(s.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forgejo-Signature", s.signed)
	answer, err := s.forge.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("answered with status %d", answer.StatusCode)
	}
	return errors.Join(err, answer.Body.Close())
}

const deliverers = 32

// flood delivers n webhooks to the hooks in turn, many at once.
func (s *storm) flood(t *testing.T, n int, hooks ...string) {
	t.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range deliverers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := s.deliver(hooks[int(i)%len(hooks)]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// syncs are a source's, the first one first, once there are so many.
func (s *storm) syncs(t *testing.T, name string, n int) []crontopus.Sync {
	t.Helper()
	var list []crontopus.Sync
	until(t, "the syncs of "+name, func() bool {
		found, err := s.Syncs(t.Context(), name, crontopus.Page{Limit: 500})
		require.NoError(t, err)
		list = found.Items
		return len(list) >= n
	})
	slices.Reverse(list)
	return list
}

// held is the memory that is in use, once all garbage is gone.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestTenThousandWebhooksAreOneSyncMore(t *testing.T) {
	s := newStorm(t, map[string]string{"hello.yaml": helloJob})
	hook := s.source(t, "noisy", "")
	require.Equal(t, "list", <-s.server.Events(), "the first sync hangs in its fetch")
	s.flood(t, 100, hook) // connections and caches are there
	before, goroutines := held(), runtime.NumGoroutine()
	began := time.Now()
	s.flood(t, 9_900, hook)
	took := time.Since(began)
	grown := held() - before
	require.Equal(t, 1, s.server.Lists(), "one sync at a time")
	close(s.gate)

	syncs := s.syncs(t, "noisy", 2)
	require.Len(t, syncs, 2)
	require.Equal(t, crontopus.TriggerManual, syncs[0].Trigger)
	require.Equal(t, crontopus.TriggerWebhook, syncs[1].Trigger)
	require.NoError(t, s.SyncSource(t.Context(), "noisy"))
	require.Len(t, s.syncs(t, "noisy", 3), 3, "nothing else was waiting")
	require.Less(t, grown, int64(16<<20), "what a webhook asks for is remembered once")
	t.Logf("9,900 webhooks in %s (%.0f a second), %d KiB more memory, %d goroutines before, %d after",
		took.Round(time.Millisecond), 9_900/took.Seconds(), grown>>10, goroutines, runtime.NumGoroutine())
}

func TestANoisySourceStarvesNobody(t *testing.T) {
	quiet := 39
	if os.Getenv("CRONTOPUS_SOAK") != "" {
		quiet = 199
	}
	s := newStorm(t, map[string]string{"hello.yaml": helloJob, "others/README": "no job yet"})
	hooks := []string{s.source(t, "noisy", "")}
	for i := range quiet {
		hooks = append(hooks, s.source(t, fmt.Sprintf("quiet-%d", i), "others"))
	}
	until(t, "as many syncs hang as there may be", func() bool { return s.server.Lists() == 4 })
	s.flood(t, 10*len(hooks), hooks...)
	require.Equal(t, 4, s.server.Lists())

	stop := make(chan struct{})
	var noise sync.WaitGroup
	noise.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.deliver(hooks[0]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	close(s.gate)
	last, total := time.Time{}, 0
	for i := range quiet {
		syncs := s.syncs(t, fmt.Sprintf("quiet-%d", i), 1)
		require.LessOrEqual(t, len(syncs), 2, "one that ran, and one behind it")
		total += len(syncs)
		if first := syncs[0].Started; first.After(last) {
			last = first
		}
	}
	close(stop)
	noise.Wait()
	before := 0
	for _, sync := range s.syncs(t, "noisy", 1) {
		if sync.Started.Before(last) {
			before++
		}
	}
	require.LessOrEqual(t, before, 2, "it had its turn, and then waited for all the others")
	t.Logf("%d syncs of %d quiet sources; the noisy one had %d until the last of them had begun", total, quiet, before)
}
