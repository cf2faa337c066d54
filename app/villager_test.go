package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/agent/crontab"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/schedule"
)

// villager is a host: a real agent, its crontab in a file, and a cron that starts what stands there.
type villager struct {
	*client.Client
	v       *village
	name    string
	state   agent.State
	root    string // where its cron daemon lies, and runs
	crontab string
	id      *agent.Identity

	mu     sync.Mutex
	skew   time.Duration // by which its clock is ahead
	boots  int
	booted time.Time
	conns  []net.Conn
	cut    bool                         // it reaches nobody
	tamper func(envelope []byte) []byte // what somebody between does to its bundles
	rules  agent.Rules

	endDaemon, endCron func()
}

func (v *village) settles(name string) *villager { return v.settlesOn(name, v.t.TempDir()) }

// settlesOn has the agent's folder where the test says.
func (v *village) settlesOn(name, dir string) *villager {
	h := &villager{v: v, name: name, state: agent.State{Dir: dir}, root: v.t.TempDir()}
	v.hosts = append(v.hosts, h)
	require.NoError(v.t, h.state.Create())
	enrolled := v.enrolls(name, h.dial)
	h.Client, h.id = enrolled.Client, &agent.Identity{Server: villageURL, Enrolled: enrolled.Enrolled}
	data, err := json.Marshal(h.id)
	require.NoError(v.t, err)
	require.NoError(v.t, os.WriteFile(h.state.IdentityFile(), data, 0o600))
	h.crontab = filepath.Join(h.root, "crontab")
	for file, text := range map[string]string{"usr/sbin/cron": "", "proc/1/stat": "1 (init) S", "proc/77/stat": "77 (cron) S"} {
		require.NoError(v.t, os.MkdirAll(filepath.Dir(filepath.Join(h.root, file)), 0o700))
		require.NoError(v.t, os.WriteFile(filepath.Join(h.root, file), []byte(text), 0o600))
	}
	me, err := user.Current()
	require.NoError(v.t, err)
	h.rules = agent.Rules{Users: []string{me.Username}}
	h.boot()
	return h
}

// now is what its clock says.
func (h *villager) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.skew)
}

func (h *villager) policy() (*agent.Policy, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return agent.NewPolicy(h.rules, syscall.Geteuid()), nil
}

// sets changes what the host is like.
func (h *villager) sets(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// boot switches it on.
func (h *villager) boot() {
	h.sets(func() { h.boots++; h.booted = time.Now().Add(h.skew) })
	h.startCron()
	h.startDaemon()
}

// off takes its power away.
func (h *villager) off() {
	h.endCron()
	h.endDaemon()
}

// cable puts the network's cable in, or out: connections break.
func (h *villager) cable(in bool) {
	h.sets(func() {
		h.cut = !in
		for _, c := range h.conns {
			_ = c.Close()
		}
		h.conns = nil
	})
}

func (h *villager) dial(ctx context.Context, network, address string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cut {
		return nil, errRefused
	}
	c, err := h.v.dial(ctx, network, address)
	if err == nil {
		h.conns = append(h.conns, c)
	}
	return c, err
}

// Bundle is what reaches the host of what the server said.
func (h *villager) Bundle(ctx context.Context, tag string, wait time.Duration, drained time.Time) (raw []byte, newTag string, changed bool, err error) {
	raw, newTag, changed, err = h.Client.Bundle(ctx, tag, wait, drained)
	h.mu.Lock()
	defer h.mu.Unlock()
	if changed && h.tamper != nil {
		raw = h.tamper(raw)
	}
	return raw, newTag, changed, err
}

func (h *villager) startDaemon() {
	scheduler, err := crontab.New(crontab.Options{File: h.crontab, Executable: "/usr/bin/crontopus-agent", Root: h.root,
		HostZone: func() string { return "UTC" }, CronZone: func() string { return "UTC" }})
	require.NoError(h.v.t, err)
	boot, at := fmt.Sprintf("%s-%d", h.name, h.boots), h.booted
	d := agent.NewDaemon(agent.DaemonOptions{State: h.state, Identity: h.id, Server: h, Scheduler: scheduler, Spool: agent.NewSpool(h.state.SpoolDir()),
		Policy: h.policy, UID: os.Geteuid(), Interval: agent.DefaultInterval, Version: "v1", Boot: func() (string, time.Time) { return boot, at },
		Now: h.now, Log: slog.New(slog.DiscardHandler)})
	h.endDaemon = h.goes(func(ctx context.Context) {
		if err := d.Run(ctx); err != nil {
			h.v.t.Error(err)
		}
	})
}

// startCron has a cron daemon start entries, as its process says.
func (h *villager) startCron() {
	process := filepath.Join(h.root, "proc/77")
	require.NoError(h.v.t, os.MkdirAll(process, 0o700))
	require.NoError(h.v.t, os.WriteFile(filepath.Join(process, "stat"), []byte("77 (cron) S"), 0o600))
	end := h.goes(func(ctx context.Context) {
		var runs sync.WaitGroup
		defer runs.Wait()
		for {
			minute := h.now().Truncate(time.Minute).Add(time.Minute)
			select {
			case <-ctx.Done():
				return
			case <-time.After(minute.Sub(h.now())):
				for _, job := range h.due(minute) {
					runs.Go(func() { h.exec(ctx, job) })
				}
			}
		}
	})
	h.endCron = sync.OnceFunc(func() {
		end()
		require.NoError(h.v.t, os.RemoveAll(process))
	})
}

// due are the entries that its crontab has for a minute.
func (h *villager) due(minute time.Time) (jobs []crontopus.JobName) {
	table, err := os.ReadFile(h.crontab)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.v.t.Error(err)
	}
	for line := range strings.Lines(string(table)) {
		times, name, isEntry := strings.Cut(strings.TrimSpace(line), " /usr/bin/crontopus-agent exec ")
		if !isEntry || strings.HasPrefix(times, "#") {
			continue
		}
		set, err := schedule.New([]string{times}, "UTC", name)
		if err != nil {
			h.v.t.Error(err)
			continue
		}
		job, err := crontopus.ParseJobName(name)
		if next, _ := set.Next(minute.Add(-time.Second)); err == nil && next.Equal(minute) {
			jobs = append(jobs, job)
		}
	}
	return jobs
}

// exec is what an entry starts: the agent's program once, without its daemon.
func (h *villager) exec(ctx context.Context, job crontopus.JobName) {
	spool := agent.NewSpool(h.state.SpoolDir())
	r := &agent.Runner{State: h.state, AgentID: h.id.AgentID, Spool: spool, Policy: h.policy, KillAfter: time.Second, Now: h.now, Log: slog.New(slog.DiscardHandler),
		Deliver: func(ctx context.Context) { _ = spool.Deliver(ctx, h.CheckIns) }, OOMKills: func() int64 { return 0 }}
	_, _ = r.Exec(ctx, job, false) // what it returns is for cron
}

// goes starts something that the returned function ends.
func (h *villager) goes(work func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { work(ctx) })
	return sync.OnceFunc(func() { cancel(); done.Wait() })
}

// edits changes the crontab by hand.
func (h *villager) edits(change func(table string) string) {
	table, err := os.ReadFile(h.crontab)
	require.NoError(h.v.t, err)
	changed := change(string(table))
	require.NotEqual(h.v.t, string(table), changed)
	require.NoError(h.v.t, os.WriteFile(h.crontab, []byte(changed), 0o600))
}

// tampers has somebody between change its bundles.
func (h *villager) tampers(with func([]byte) []byte) { h.sets(func() { h.tamper = with }) }

// old is what somebody does who lets no new bundle through.
func (h *villager) old() func([]byte) []byte {
	stored, err := os.ReadFile(h.state.BundleFile())
	require.NoError(h.v.t, err)
	return func([]byte) []byte { return stored }
}

func (h *villager) pauses() { require.NoError(h.v.t, h.state.Pause()) }
