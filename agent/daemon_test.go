package agent_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
)

// headquarters is a server in memory. Its clock is that of the test's bubble.
type headquarters struct {
	mu       sync.Mutex
	bundle   []byte
	tag      string
	changed  chan struct{}
	stopping chan struct{} // closed to let those go who wait
	down     error
	untagged bool  // a proxy drops the tags, so that every answer looks changed
	stranger error // what requests come to that do not wait; polls go on with the key they began with
	polls    int
	reports  []crontopus.AgentReport
	checkIns []crontopus.CheckIn

	keySet     crontopus.KeySetVersion
	statements [][]byte
	asked      int // for statements
}

func newHeadquarters() *headquarters {
	return &headquarters{changed: make(chan struct{}), stopping: make(chan struct{})}
}

// letGo ends the polls that wait, as a server does that stops.
func (h *headquarters) letGo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.stopping)
	h.stopping = make(chan struct{})
}

// publish hands out an envelope from now on.
func (h *headquarters) publish(tag string, raw []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bundle, h.tag = raw, tag
	close(h.changed)
	h.changed = make(chan struct{})
}

// fail makes every request fail from now on, nil ends that. Who waits is thrown out.
func (h *headquarters) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = err
	close(h.changed)
	h.changed = make(chan struct{})
}

// know makes the server refuse whoever does not wait already, until the daemon takes over
// the host's new key; nil ends that.
func (h *headquarters) know(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stranger = err
}

func (h *headquarters) Bundle(ctx context.Context, etag string, wait time.Duration, _ time.Time) ([]byte, string, bool, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	h.mu.Lock()
	h.polls++
	h.mu.Unlock()
	for {
		h.mu.Lock()
		raw, tag, changed, stopping, down := h.bundle, h.tag, h.changed, h.stopping, h.down
		if h.untagged {
			tag = ""
		}
		h.mu.Unlock()
		switch {
		case down != nil:
			return nil, etag, false, down
		case h.untagged:
			<-time.After(50 * time.Millisecond) // on the way
			return raw, tag, true, nil
		case tag != etag:
			return raw, tag, true, nil
		}
		select {
		case <-ctx.Done():
			return nil, etag, false, ctx.Err()
		case <-timer.C:
			return nil, etag, false, nil
		case <-stopping:
			return nil, etag, false, nil
		case <-changed:
		}
	}
}

// rotate announces a key set from the next answer on.
func (h *headquarters) rotate(version crontopus.KeySetVersion, statements [][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keySet, h.statements = version, statements
}

func (h *headquarters) KeySetVersion() crontopus.KeySetVersion {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keySet
}

func (h *headquarters) KeyStatements(context.Context) ([][]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	return h.statements, nil
}

func (h *headquarters) Report(_ context.Context, r crontopus.AgentReport) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := cmp.Or(h.down, h.stranger); err != nil {
		return err
	}
	h.reports = append(h.reports, r)
	return nil
}

func (h *headquarters) CheckIns(_ context.Context, c []crontopus.CheckIn) ([]wire.CheckInResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := cmp.Or(h.down, h.stranger); err != nil {
		return nil, err
	}
	h.checkIns = append(h.checkIns, c...)
	results := make([]wire.CheckInResult, len(c))
	for i := range results {
		results[i] = wire.CheckInResult{RunID: c[i].RunID, Status: 200}
	}
	return results, nil
}

// counted returns how often the server was polled and reported to.
func (h *headquarters) counted() (polls, reports int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.polls, len(h.reports)
}

// delivered returns the check-ins that came, in their order.
func (h *headquarters) delivered() []crontopus.CheckIn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.checkIns)
}

func (h *headquarters) lastReport(t *testing.T) crontopus.AgentReport {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.NotEmpty(t, h.reports)
	return h.reports[len(h.reports)-1]
}

// table is a scheduler that a test can read and tamper with.
type table struct {
	mu      sync.Mutex
	entries []agent.Native
	dead    string
}

// Dead says why nobody starts the entries.
func (s *table) Dead() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

func (s *table) dies(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = why
}

func (s *table) Name() string     { return "table" }
func (s *table) HostZone() string { return "Europe/Helsinki" }
func (s *table) Crontab() crontopus.Crontab {
	return crontopus.Crontab{Starter: "/agent exec", Timezone: "UTC"}
}
func (s *table) Render(j *crontopus.Job) (agent.Native, error) {
	return agent.Native{Job: j.Name(), Text: j.Spec.Schedule[0]}, nil
}
func (s *table) Observe(context.Context) (agent.Observed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return agent.Observed{Entries: slices.Clone(s.entries)}, nil
}
func (s *table) Apply(_ context.Context, entries []agent.Native) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.Clone(entries)
	return nil
}
func (s *table) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for _, e := range s.entries {
		names = append(names, e.Job.Name)
	}
	return names
}

// duty is a daemon at work in a bubble, and the world around it.
type duty struct {
	*site
	t      *testing.T
	server *headquarters
	table  *table
	spool  *agent.Spool
	daemon *agent.Daemon
	stop   func()
	policy string
	life   time.Duration // of the bundles that publish makes
	reload func(context.Context) (bool, error)
	skew   atomic.Int64 // by which the host's clock is ahead
	slept  atomic.Int64 // for how long the host did
	stood  atomic.Int64 // for how long the daemon got no time to run
	log    bytes.Buffer // of the daemon, to be read while it sleeps
}

// onDuty runs the test in a bubble with a daemon on a fresh host.
func onDuty(t *testing.T, test func(d *duty)) {
	dir := t.TempDir()
	s := newSite(t)
	synctest.Test(t, func(t *testing.T) {
		d := &duty{site: s, t: t, server: newHeadquarters(), table: &table{}, policy: dir + "/policy.yaml", life: 14 * 24 * time.Hour}
		d.reload = func(context.Context) (bool, error) {
			d.server.mu.Lock()
			defer d.server.mu.Unlock()
			was := d.server.stranger
			d.server.stranger = nil
			return was != nil, nil
		}
		d.spool = agent.NewSpool(s.state.SpoolDir())
		d.stop = d.start()
		defer func() { d.stop() }()
		test(d)
	})
}

// start runs a daemon; it is asleep, with everything done, when start returns.
func (d *duty) start() (stop func()) {
	booted := time.Now()
	d.daemon = agent.NewDaemon(agent.DaemonOptions{
		State: d.state, Identity: d.id, Server: d.server, Scheduler: d.table, Spool: d.spool,
		PolicyFile: d.policy, UID: os.Getuid(), Interval: 5 * time.Minute, Version: "v1", ReloadKey: d.reload,
		Uptime: func() (total, awake time.Duration) {
			up := time.Since(booted) + time.Duration(d.stood.Load())
			return up + time.Duration(d.slept.Load()), up
		},
		Now: func() time.Time { return time.Now().Add(time.Duration(d.skew.Load())) }, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.daemon.Run(ctx) }()
	d.settle()
	return func() {
		cancel()
		require.NoError(d.t, <-done)
	}
}

// settle waits until nobody has anything to do but wait.
func (d *duty) settle() { synctest.Wait() }

// after lets time pass.
func (d *duty) after(span time.Duration) {
	<-time.After(span)
	synctest.Wait()
}

// publish signs a bundle now and hands it out.
func (d *duty) publish(number int64, names ...string) {
	b := d.bundle(number, names...)
	b.Issued, b.Expires = time.Now(), time.Now().Add(d.life)
	for i := range b.Jobs {
		if os.Getuid() == rootUID {
			b.Jobs[i].Spec.Run.User = nobodyName
		}
	}
	b.JobsDigest = crontopus.JobsDigest(b.Jobs)
	raw := d.sign(b)
	d.server.publish(b.Gen().String()+b.Expires.String(), raw)
	d.settle()
}

func TestDaemonBringsEachBundleToTheScheduler(t *testing.T) {
	onDuty(t, func(d *duty) {
		require.Empty(t, d.table.names())
		d.publish(1, "a")
		require.Equal(t, []string{"a"}, d.table.names(), "at once, by the waiting poll")
		d.after(time.Second)
		require.Equal(t, crontopus.Generation{Epoch: 1, Number: 1}, d.server.lastReport(t).Applied)
		d.publish(2, "a", "b")
		d.after(3 * time.Second)
		require.Equal(t, []string{"a", "b"}, d.table.names())
		r := d.server.lastReport(t)
		require.Equal(t, crontopus.Generation{Epoch: 1, Number: 2}, r.Applied)
		require.Equal(t, "table", r.Scheduler)
		require.Equal(t, &crontopus.Crontab{Starter: "/agent exec", Timezone: "UTC"}, r.Crontab, "how its lines are written")
		require.Equal(t, "v1", r.Version)
		require.Nil(t, r.Refused)
	})
}

func TestDaemonSleepsWhileNothingChanges(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Minute)
		polls, reports := d.server.counted()
		d.after(time.Hour)
		pollsNow, reportsNow := d.server.counted()
		require.LessOrEqual(t, pollsNow-polls, 75, "about one poll in 50 s")
		require.LessOrEqual(t, reportsNow-reports, 17, "about one report in 4 min")
		require.NotEqual(t, reports, reportsNow, "but it says now and then that it lives")
	})
}

func TestDaemonKeepsTheLastGoodBundle(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(5, "a", "b")
		d.publish(4, "a")
		d.after(time.Second)
		require.Equal(t, []string{"a", "b"}, d.table.names())
		require.Equal(t, crontopus.RefusedRollback, d.server.lastReport(t).Refused.Code)
		polls, _ := d.server.counted()
		d.after(time.Minute)
		pollsNow, _ := d.server.counted()
		require.LessOrEqual(t, pollsNow-polls, 3, "the bad one is not fetched over and over")
		d.publish(6, "c")
		d.after(3 * time.Second)
		require.Equal(t, []string{"c"}, d.table.names())
		require.Nil(t, d.server.lastReport(t).Refused)
	})
}

func TestDaemonBehindAProxyThatDropsTags(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.server.untagged = true // before the first bundle nobody asks again
		d.publish(1, "a")
		d.after(time.Minute)
		polls, _ := d.server.counted()
		d.after(time.Minute)
		pollsNow, _ := d.server.counted()
		require.LessOrEqual(t, pollsNow-polls, 31, "one in 2 s, not one after the other")
		d.publish(2, "b")
		d.after(3 * time.Second)
		require.Equal(t, []string{"b"}, d.table.names())
	})
}

func TestDaemonRepairsDriftAndSaysSo(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a", "b")
		d.after(time.Second)
		require.NoError(t, d.table.Apply(t.Context(), nil))
		d.daemon.Wake()
		d.settle()
		require.Equal(t, []string{"a", "b"}, d.table.names(), "on demand")
		d.after(time.Second)
		require.Len(t, d.server.lastReport(t).Drift, 2)
		require.Equal(t, crontopus.DriftMissing, d.server.lastReport(t).Drift[0].Kind)

		require.NoError(t, d.table.Apply(t.Context(), nil))
		d.after(6 * time.Minute)
		require.Equal(t, []string{"a", "b"}, d.table.names(), "by itself")
		d.after(2 * time.Hour)
		require.Empty(t, d.server.lastReport(t).Drift, "what is long repaired is no news")
	})
}

func TestDaemonWithoutAServer(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Second)
		d.server.fail(crontopus.Errorf(crontopus.CodeUnavailable, "no server is listening"))
		require.NoError(t, d.spool.Add(said(crontopus.EventStart)))
		require.NoError(t, d.spool.Add(said(crontopus.EventSuccess)))
		require.NoError(t, d.table.Apply(t.Context(), nil))
		d.after(time.Hour)
		require.Equal(t, []string{"a"}, d.table.names(), "drift is repaired without anybody's help")
		require.Empty(t, d.server.delivered())

		d.server.fail(nil)
		d.after(30 * time.Second)
		require.Len(t, d.server.delivered(), 2, "delivered once, in order")
		require.Equal(t, crontopus.EventStart, d.server.delivered()[0].Event)
		waiting, err := d.spool.Len()
		require.NoError(t, err)
		require.Zero(t, waiting)
	})
}

func said(event crontopus.Event) crontopus.CheckIn {
	return crontopus.CheckIn{RunID: "run-1", Job: named("a"), Event: event, At: time.Now()}
}

func TestDaemonThatTheServerDoesNotKnowAnyMore(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.server.fail(crontopus.Errorf(crontopus.CodeUnauthorized, "the agent db-01 was revoked"))
		d.settle()
		polls, _ := d.server.counted()
		d.after(time.Hour)
		pollsNow, _ := d.server.counted()
		require.Equal(t, []string{"a"}, d.table.names(), "its jobs stay until somebody takes them away on the host")
		require.InDelta(t, 12, pollsNow-polls, 3, "it asks again, slowly")
		unreached := d.state.LoadReport().Unreached
		require.NotNil(t, unreached, "who looks at the host is told")
		require.Equal(t, "the agent db-01 was revoked", unreached.Why)
		require.WithinDuration(t, time.Now(), unreached.Since, 2*time.Hour)
		d.server.fail(nil)
		d.after(10 * time.Minute)
		require.Nil(t, d.state.LoadReport().Unreached)
	})
}

func TestDaemonWhoseKeyACommandChangedWhileItsPollWaits(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Minute)
		polls, _ := d.server.counted()
		d.server.know(crontopus.Errorf(crontopus.CodeUnauthorized, "the agent's token is not valid"))
		require.NoError(t, d.spool.Add(said(crontopus.EventSuccess)))
		d.daemon.Deliver()
		d.settle()
		pollsNow, _ := d.server.counted()
		require.Equal(t, polls, pollsNow, "the poll that waits was let in with the old key")
		require.Len(t, d.server.delivered(), 1, "with the new key, at once")
	})
}

func TestDaemonFetchesALostBundleAgain(t *testing.T) {
	for name, lose := range map[string]func(s *site){
		"deleted": func(s *site) { require.NoError(s, os.Remove(s.state.BundleFile())) },
		"damaged": func(s *site) { require.NoError(s, os.WriteFile(s.state.BundleFile(), []byte("x"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			onDuty(t, func(d *duty) {
				d.publish(1, "a")
				d.after(time.Second)
				lose(d.site)
				d.daemon.Wake()
				d.settle()
				require.Equal(t, []string{"a"}, d.table.names(), "nothing is removed for want of a bundle")
				d.after(2 * time.Minute)
				require.Equal(t, []string{"a"}, d.inForce())
			})
		})
	}
}

// What is damaged is not used, and whoever reads the log hears of it; nothing that runs is touched for it.
func TestDaemonWhoseFilesAreDamaged(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a", "b")
		d.after(time.Second)
		for _, file := range []string{d.state.MarkFile(), d.state.AppliedFile()} {
			require.NoError(t, os.WriteFile(file, []byte("{half"), 0o600))
		}
		d.publish(2, "a", "b")
		d.after(10 * time.Minute)
		require.Equal(t, []string{"a", "b"}, d.table.names())
		for _, file := range []string{d.state.MarkFile(), d.state.AppliedFile()} {
			require.Equal(t, 1, strings.Count(d.log.String(), file+" is damaged"), "%s in %s", file, d.log.String())
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, json.Valid(content), "it is written anew")
		}
	})
}

func TestSecondDaemonOnOneFolder(t *testing.T) {
	onDuty(t, func(d *duty) {
		require.ErrorContains(t, agent.NewDaemon(agent.DaemonOptions{
			State: d.state, Identity: d.id, Server: d.server, Scheduler: d.table, Spool: d.spool, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}).Run(t.Context()), "another crontopus-agent is using the state folder")
	})
}

func TestDaemonWithAPolicyThatCannotBeTrusted(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.after(time.Second)
		require.NoError(t, os.WriteFile(d.policy, []byte("users: [nobody]"), 0o600))
		require.NoError(t, os.Chmod(d.policy, 0o666))
		d.publish(2, "b")
		d.after(3 * time.Second)
		require.Equal(t, []string{"a"}, d.table.names(), "no change while nobody can say what is allowed")
		require.Equal(t, crontopus.RefusedPolicy, d.server.lastReport(t).Refused.Code)
		require.Equal(t, []string{"a"}, d.inForce())

		require.NoError(t, os.Remove(d.policy))
		d.after(12 * time.Minute)
		require.Equal(t, []string{"b"}, d.table.names(), "mended, it is looked at again")
		require.Nil(t, d.server.lastReport(t).Refused)
	})
}
