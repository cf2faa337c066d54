package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

// onceLimit is how long a demo that does not stay may take.
const onceLimit = 150 * time.Second

// The demo's names.
const (
	sourceName   = "quickstart"
	agentBuiltin = "demo-builtin"
	agentCrontab = "demo-crontab"
)

// Options says which programs play and how.
type Options struct {
	Crontopus string    // path of the program crontopus
	Agent     string    // path of the program crontopus-agent
	Once      bool      // end when the story is told instead of staying until ctx ends
	Out       io.Writer // where the story is told
}

// demo is one performance.
type demo struct {
	options   Options
	dir       string   // the scratch folder; everything is below it
	env       []string // of every program
	processes []*process
	story     *story
	server    string // URL
	client    *client.Client
	repo      *repository
	crontab   string // the crontab file of agentCrontab
}

// Run plays the demo and removes everything that it made. It returns an error that says
// what did not come.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{options: o, story: &story{out: o.Out, begun: time.Now()}}
	if o.Once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, onceLimit)
		defer cancel()
	}
	if err := d.scratch(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(), os.RemoveAll(d.dir)) }()
	if err := d.play(ctx); err != nil {
		return err
	}
	if o.Once {
		d.story.say("\ndemo: ok")
		return nil
	}
	return d.stay(ctx)
}

// play tells the story from an empty folder to a held removal.
func (d *demo) play(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		d.startServer, d.startAgents, d.connectSource, d.changeJob, d.pushInvalid, d.removeEverything,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// scratch makes the folder in which everything happens and the environment that keeps
// every program inside it.
func (d *demo) scratch() (err error) {
	if d.dir, err = os.MkdirTemp("", "crontopus-demo-"); err != nil {
		return err
	}
	d.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "LANG=C.UTF-8",
		"XDG_CONFIG_HOME=" + filepath.Join(d.dir, "config"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Demo", "GIT_AUTHOR_EMAIL=demo@example.com",
		"GIT_COMMITTER_NAME=Demo", "GIT_COMMITTER_EMAIL=demo@example.com",
	}
	d.story.say("Crontopus demo in %s; nothing else of this machine is touched.", d.dir)
	return nil
}

func (d *demo) startServer(ctx context.Context) error {
	d.story.chapter("A server and two hosts")
	address, err := freeAddress()
	if err != nil {
		return err
	}
	data := filepath.Join(d.dir, "server")
	if err := d.start("server", d.options.Crontopus, "server", "--listen", address, "--data", data, "--allow-file-sources"); err != nil {
		return err
	}
	d.server = "http://" + address
	key := filepath.Join(data, "admin.key")
	if err := d.until(ctx, "the server to be ready", func() (bool, error) {
		secret, err := os.ReadFile(key)
		if err != nil {
			return false, nil //nolint:nilerr // it is written during the start
		}
		d.client, err = client.New(d.server, client.WithAPIKey(strings.TrimSpace(string(secret))))
		return err == nil && d.client.Ready(ctx) == nil, err
	}); err != nil {
		return err
	}
	if err := d.wrapper(key); err != nil {
		return err
	}
	d.story.step("server", "%s, SQLite in %s", d.server, data)
	return nil
}

// freeAddress is the usual address if nobody listens there, else one with a free port.
func freeAddress() (string, error) {
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:0"} {
		if l, err := net.Listen("tcp", address); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", crontopus.Errorf(crontopus.CodeUnavailable, "no port is free on 127.0.0.1")
}

// wrapper writes the program that the closing lines name: crontopus, logged in.
func (d *demo) wrapper(key string) error {
	script := fmt.Sprintf("#!/bin/sh\nCRONTOPUS_SERVER='%s' CRONTOPUS_API_KEY=\"$(cat '%s')\" exec '%s' \"$@\"\n", d.server, key, d.options.Crontopus)
	return os.WriteFile(d.command(), []byte(script), 0o755)
}

// command is the path of the wrapper.
func (d *demo) command() string { return filepath.Join(d.dir, "crontopus") }

func (d *demo) startAgents(ctx context.Context) error {
	d.crontab = filepath.Join(d.dir, agentCrontab, "crontab")
	if err := d.startAgent(ctx, agentBuiltin, "--scheduler", "builtin"); err != nil {
		return err
	}
	return d.startAgent(ctx, agentCrontab, "--scheduler", "crontab", "--crontab-file", d.crontab)
}

// startAgent enrolls a host and starts its agent. Its policy lets the one source run jobs
// as the user who runs the demo, and nothing else.
func (d *demo) startAgent(ctx context.Context, name string, scheduler ...string) error {
	dir := filepath.Join(d.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	config, policy := filepath.Join(dir, "agent.yaml"), filepath.Join(dir, "policy.yaml")
	settings := fmt.Sprintf("server: %s\nstateDir: %s\npolicyFile: %s\n", d.server, filepath.Join(dir, "state"), policy)
	for i := 0; i < len(scheduler); i += 2 {
		settings += map[string]string{"--scheduler": "scheduler", "--crontab-file": "crontabFile"}[scheduler[i]] + ": " + scheduler[i+1] + "\n"
	}
	allowed := fmt.Sprintf("users: [%s]\nsources: ['file://%s']\n", me.Username, filepath.Join(d.dir, "repository.git"))
	for file, text := range map[string]string{config: settings, policy: allowed} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	token, err := d.client.CreateEnrollmentToken(ctx, wire.TokenInput{Name: name, Labels: map[string]string{"env": "demo"}})
	if err != nil {
		return err
	}
	if _, err := d.run(ctx, d.options.Agent, "enroll", "--config", config, "--token", token.Printed); err != nil {
		return err
	}
	if err := d.start(name, d.options.Agent, "run", "--config", config); err != nil {
		return err
	}
	d.story.step("enrolled", "%s with the %s scheduler", name, scheduler[1])
	return nil
}

// stay keeps everything up until ctx ends.
func (d *demo) stay(ctx context.Context) error {
	d.story.say(`
The API is at %s. Try these in a second terminal:

  %s jobs list
  %s runs list
  %s agents get %s
  %s sources get %s

Ctrl-C stops everything and removes %s.`,
		d.server, d.command(), d.command(), d.command(), agentCrontab, d.command(), sourceName, d.dir)
	err := d.until(ctx, "", func() (bool, error) { return false, nil })
	if ctx.Err() != nil {
		d.story.say("\nStopping.")
		return nil
	}
	return err
}

// pollEvery is how often the demo looks whether something has come. It watches from
// outside, as a user would, so that looking is all it can do.
const pollEvery = 50 * time.Millisecond

// until looks until seen says that it has come, a program ends, or ctx does.
func (d *demo) until(ctx context.Context, what string, seen func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := d.ended(); err != nil {
			return err
		}
		ok, err := seen()
		if ok || (err != nil && ctx.Err() == nil) {
			return err
		}
		select {
		case <-ctx.Done():
			return crontopus.Errorf(crontopus.CodeUnavailable, "waited for %s, which did not come: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
