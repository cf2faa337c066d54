package command

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/agent/builtin"
	"crontopus.dev/crontopus/agent/crontab"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/internal/keyfile"
	"crontopus.dev/crontopus/internal/usage"
)

// host is what every command that works for an enrolled host needs.
type host struct {
	config agent.Config
	state  agent.State
	id     *agent.Identity
	spool  *agent.Spool
	log    *slog.Logger
}

// openHost reads who this host is. It asks nobody.
func openHost(config agent.Config, log *slog.Logger) (*host, error) {
	state := agent.State{Dir: config.StateDir}
	id, err := state.Identity()
	if err != nil {
		return nil, err
	}
	return &host{config, state, id, agent.NewSpool(state.SpoolDir()), log}, nil
}

// connect returns what speaks to the server with the host's key. A run asks for it only where it has to:
// reading the key costs more than finding the job.
func (h *host) connect() (*client.Client, error) {
	key, err := keyfile.Load(h.state.KeyFile())
	if err != nil {
		return nil, err
	}
	server := cmp.Or(h.config.Server, h.id.Server)
	return client.New(server, client.WithAgent(h.id.AgentID, h.id.InstallationID, key), client.As(agent.Program, usage.Version()))
}

// Of the runs that the builtin scheduler carries out in this process.
const (
	startsAtOnce  = 16              // a thousand jobs that are due at once need not be a thousand threads
	shutdownGrace = 5 * time.Second // docker stop kills after 10
)

// runner carries out runs; deliver is called when there are check-ins in the spool.
func (h *host) runner(stdout, stderr io.Writer, deliver func(context.Context)) *agent.Runner {
	return &agent.Runner{
		State: h.state, AgentID: h.id.AgentID, Spool: h.spool, Deliver: deliver,
		HostZone: func() string { return agent.ZoneOf(h.config.SchedulerName()) },
		Policy:   h.policy,
		Stdout:   stdout, Stderr: stderr, Now: time.Now, Log: h.log,
	}
}

func (h *host) policy() (*agent.Policy, error) { return h.config.Policy(os.Getuid()) }

// daemon joins the daemon and its scheduler. The builtin scheduler runs jobs itself, in
// this process, and their check-ins wake the daemon.
func (h *host) daemon(server *client.Client, entryConfig string, stdout, stderr io.Writer) (*agent.Daemon, error) {
	var daemon *agent.Daemon
	runner := h.runner(stdout, stderr, func(context.Context) { daemon.Deliver() })
	runner.Job, runner.Slots, runner.Grace = agent.NewJobs(h.state).Find, make(chan struct{}, startsAtOnce), shutdownGrace
	scheduler, err := newScheduler(h.config, entryConfig, runner.Exec, h.log)
	if err != nil {
		return nil, err
	}
	daemon = agent.NewDaemon(agent.DaemonOptions{
		State: h.state, Identity: h.id, Server: server, Scheduler: scheduler, Spool: h.spool,
		Policy: h.policy, UID: os.Getuid(), Interval: h.config.Interval,
		ReloadKey: func(ctx context.Context) (bool, error) { return agent.ReloadKey(ctx, h.state, server) },
		Rest:      debug.FreeOSMemory, // it is asleep most of its life
		Version:   usage.Version(), Now: time.Now, Log: h.log,
	})
	return daemon, nil
}

// newScheduler returns the scheduler that the settings choose. Only the builtin one needs
// to know how a job is run; the others start this program again.
func newScheduler(c agent.Config, entryConfig string, execute builtin.Execute, log *slog.Logger) (agent.Scheduler, error) {
	if c.SchedulerName() == agent.SchedulerBuiltin {
		return builtin.New(agent.State{Dir: c.StateDir}, execute, time.Now, log), nil
	}
	program, err := executable()
	if err != nil {
		return nil, err
	}
	return crontab.New(crontab.Options{File: c.CrontabFile, Executable: program, Config: entryConfig, Scratch: c.StateDir})
}

// executable is the whole path of this program, for entries. A link to it stays a link, so
// that an upgrade behind the link needs no new entries.
func executable() (string, error) {
	if filepath.IsAbs(os.Args[0]) {
		return filepath.Clean(os.Args[0]), nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeInternal, "cannot find the path of this program: %w", err)
	}
	return path, nil
}
