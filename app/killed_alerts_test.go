package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// nights are jobs that fail and go well again, as often as somebody has seen them do so.
type nights struct {
	*fleet
	peer  *peer
	paths map[string]string // of ping URLs, by job

	mu   sync.Mutex
	seen map[string]int // incidents that began and ended, by job
}

// withPingJobs makes jobs known that are told of at a peer.
func (f *fleet) withPingJobs(t *testing.T, p *peer, jobs int) *nights {
	t.Helper()
	require.NoError(t, f.SetSecret(t.Context(), wire.SecretInput{Name: "hook", Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))
	files := map[string]string{"alerting.yaml": strings.Replace(strings.ReplaceAll(alertingManifests, "URL", p.URL), "type: webhook\n", "type: webhook\n  maxPerHour: 10000\n", 1)}
	for i := range jobs {
		files[fmt.Sprintf("jobs-%d.yaml", i/100)] += fmt.Sprintf("---\napiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d, namespace: shop, labels: {tier: critical}}\n"+
			"spec:\n  every: 1d\n  target: {ping: true}\n", i)
	}
	repo := gittest.NewRepo(t)
	repo.Commit(t, "jobs", files)
	_, err := f.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	n := &nights{fleet: f, peer: p, paths: map[string]string{}, seen: map[string]int{}}
	for i := range jobs {
		name := fmt.Sprintf("job-%d", i)
		until(t, name+" is synced", func() bool {
			job, err := f.Job(t.Context(), crontopus.JobName{Namespace: "shop", Name: name})
			if err != nil || job.PingURL == "" {
				return false
			}
			u, err := url.Parse(job.PingURL)
			require.NoError(t, err)
			n.paths[name] = u.Path
			return true
		})
	}
	return n
}

// pass lets a job fail, waits until somebody is told of its incident, lets it go well, and waits until that
// is over. Of an incident that is over before a server has seen to it nobody would be told.
func (n *nights) pass(name string) error {
	for _, step := range []struct {
		ping string
		open int
	}{{"/3", 1}, {"", 0}} {
		if err := persist("the ping "+name+step.ping+" is answered", func(ctx context.Context) bool { return n.ping(ctx, n.paths[name]+step.ping) }); err != nil {
			return err
		}
		job := crontopus.JobName{Namespace: "shop", Name: name}
		if err := persist(fmt.Sprintf("%s has %d open incidents", name, step.open), func(ctx context.Context) bool {
			list, err := n.Incidents(ctx, crontopus.IncidentFilter{State: crontopus.IncidentOpen, Job: &job}, crontopus.Page{})
			return err == nil && len(list.Items) == step.open && (step.open == 0 || n.peer.heardOf(list.Items[0].ID))
		}); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen[name]++
	return nil
}

func (n *nights) ping(ctx context.Context, path string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+path, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// heardOf reports whether the peer was told of an incident.
func (p *peer) heardOf(incident string) bool {
	return slices.ContainsFunc(p.heard(), func(m told) bool { return m.Data.Incident.ID == incident })
}

// persist tries until it is so: for as long as a killed server keeps a message in its hands, and longer.
func persist(what string, is func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("it never came to this: %s", what)
		case <-tick.C:
		}
	}
	return nil
}

// One of two servers is killed at random, again and again, while jobs fail and go well. Each failure has
// one incident, and of each incident there is one message that it began and one that it is over: one that is
// sent twice, as it may be when a server dies before it has noted that it was sent, has the same id.
func TestServersThatAreKilledTellNothingTwice(t *testing.T) {
	lasts, jobs := 12*time.Second, 6
	if os.Getenv("CRONTOPUS_SOAK") != "" {
		lasts, jobs = 10*time.Minute, 1000 // more than there is time for
	}
	p := newPeer(t)
	n := newFleet(t, 2, 0, func(o *app.Options) { o.AllowNetworks = []string{"127.0.0.0/8"} }).withPingJobs(t, p, jobs)
	over, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	failures, ended := make(chan error, 3), make(chan struct{})
	var workers sync.WaitGroup
	for w := range cap(failures) {
		workers.Go(func() {
			for turn := range 2 * jobs { // of three incidents in an hour the next would be a flapping one's
				if turn%jobs%cap(failures) != w { // two that see to one job would have one incident of it
					continue
				}
				if over.Err() != nil {
					return
				}
				if err := n.pass(fmt.Sprintf("job-%d", turn%jobs)); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(ended)
	}()
	killed := n.killAtRandom(t, ended)
	close(failures)
	require.NoError(t, <-failures)
	n.requireOnce(t, killed)
}

// killAtRandom kills one server after the other, and starts it again, until stop is closed. It returns how many.
func (f *fleet) killAtRandom(t *testing.T, stop <-chan struct{}) (killed int) {
	for {
		select {
		case <-stop:
			return killed
		case <-time.After(time.Duration(500+rand.IntN(2500)) * time.Millisecond):
		}
		p := f.processes[rand.IntN(len(f.processes))]
		_ = f.end(p, syscall.SIGKILL)
		f.start(t, p)
		for !isReady(context.Background(), p.address) {
			select {
			case <-stop:
				return killed
			case <-time.After(50 * time.Millisecond):
			}
		}
		killed++
	}
}

// requireOnce compares what the servers say, and what the peer was told, with what was seen.
func (n *nights) requireOnce(t *testing.T, killed int) {
	t.Helper()
	total := 0
	incidents := map[string]bool{}
	for name, times := range n.seen {
		job := crontopus.JobName{Namespace: "shop", Name: name}
		list, err := n.Incidents(t.Context(), crontopus.IncidentFilter{Job: &job}, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, list.Items, times, name)
		for _, in := range list.Items {
			incidents[in.ID] = true
		}
		total += times
	}
	require.Positive(t, total)
	type message struct{ incident, kind string }
	var ids map[message]map[string]bool
	var heard int
	until(t, "the peer was told of all", func() bool {
		ids, heard = map[message]map[string]bool{}, 0
		for _, m := range n.peer.heard() {
			key := message{m.Data.Incident.ID, m.Type}
			if ids[key] == nil {
				ids[key] = map[string]bool{}
			}
			ids[key][m.id] = true
			heard++
		}
		return len(ids) >= 2*total
	})
	for key, sent := range ids {
		require.Len(t, sent, 1, "%v was told by %d messages", key, len(sent))
		require.True(t, incidents[key.incident], "nobody knows of %v", key)
	}
	require.Len(t, ids, 2*total)
	t.Logf("%d servers were killed; %d incidents, each told once when it began and once when it was over (%d deliveries)", killed, total, heard)
}
