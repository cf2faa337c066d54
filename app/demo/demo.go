package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
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
	crontopus string   // the programs, as links in the scratch folder
	agent     string
	processes []*process
	story     *story
	server    string // URL
	client    *client.Client
	repo      *repository
	crontab   string // the crontab file of agentCrontab
}

// Run plays the demo and removes everything that it made. It returns an error that says
// what did not come. When ctx is cancelled, a demo that would stay has simply ended; one
// that was to tell the whole story once has failed.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{options: o, story: &story{out: o.Out, begun: time.Now()}}
	asked := ctx
	if o.Once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, onceLimit)
		defer cancel()
	}
	if err := d.scratch(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(), os.RemoveAll(d.dir)) }()
	switch err := d.play(ctx); {
	case asked.Err() != nil && !o.Once:
		d.story.say("\nStopping.")
		return nil
	case err == nil && o.Once:
		d.story.say("\ndemo: ok")
		return nil
	default:
		return err
	}
}

// play tells the story from an empty folder to a held removal, and stays if it should.
func (d *demo) play(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		d.startServer, d.startAgents, d.connectSource, d.changeJob, d.pushInvalid, d.removeEverything,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if d.options.Once {
		return nil
	}
	return d.stay(ctx)
}

// plainPath is a path that needs no quoting in a crontab, a URL or a shell.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9/._+@:,=-]*$`)

// scratch makes the folder in which everything happens and the environment that keeps
// every program inside it.
func (d *demo) scratch() (err error) {
	if _, err := exec.LookPath("git"); err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "the demo pushes with git, which is not here: %w", err).
			WithHint("install it, on Debian with: sudo apt install git")
	}
	if temp := os.TempDir(); !plainPath.MatchString(temp) {
		return crontopus.Errorf(crontopus.CodeInvalid, "the path of the folder for temporary files, %q, cannot stand in a crontab or a URL", temp).
			WithHint("name another one: TMPDIR=/tmp crontopus demo")
	}
	if d.dir, err = os.MkdirTemp("", "crontopus-demo-"); err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot make a scratch folder: %w", err).
			WithHint("name a folder that you may write to: TMPDIR=/tmp crontopus demo")
	}
	if err := d.link(); err != nil {
		return errors.Join(err, os.RemoveAll(d.dir))
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

// link gives the programs short paths without blanks, wherever they lie: their paths will
// stand in a crontab.
func (d *demo) link() error {
	bin := filepath.Join(d.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	d.crontopus, d.agent = filepath.Join(bin, "crontopus"), filepath.Join(bin, "crontopus-agent")
	return errors.Join(os.Symlink(d.options.Crontopus, d.crontopus), os.Symlink(d.options.Agent, d.agent))
}

func (d *demo) startServer(ctx context.Context) error {
	d.story.chapter("A server and two hosts")
	address, err := freeAddress()
	if err != nil {
		return err
	}
	data := filepath.Join(d.dir, "server")
	if err := d.start("server", d.crontopus, "server", "--listen", address, "--data", data, "--allow-file-sources"); err != nil {
		return err
	}
	d.server = "http://" + address
	key := filepath.Join(data, "admin.key")
	if err := d.until(ctx, "the server to be ready", func() (bool, error) {
		secret, err := os.ReadFile(key)
		if err != nil {
			return false, nil //nolint:nilerr // it is written during the start
		}
		if d.client, err = client.New(d.server, client.WithAPIKey(strings.TrimSpace(string(secret)))); err != nil {
			return false, err
		}
		_, unknown := d.client.Whoami(ctx) // by another server, that took the port before ours could
		return unknown == nil, nil
	}); err != nil {
		return err
	}
	if err := d.wrapper(key); err != nil {
		return err
	}
	d.story.step("server", "%s, with SQLite in its data folder", d.server)
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
	script := fmt.Sprintf("#!/bin/sh\nCRONTOPUS_SERVER='%s' CRONTOPUS_API_KEY=\"$(cat '%s')\" exec '%s' \"$@\"\n", d.server, key, d.crontopus)
	return os.WriteFile(d.command(), []byte(script), 0o755)
}

// command is the path of the wrapper.
func (d *demo) command() string { return filepath.Join(d.dir, "crontopus") }

func (d *demo) startAgents(ctx context.Context) error {
	d.crontab = filepath.Join(d.dir, agentCrontab, "crontab")
	if err := d.startAgent(ctx, agentBuiltin, "scheduler: builtin\n"); err != nil {
		return err
	}
	d.story.step("enrolled", "%s, whose agent starts the jobs itself", agentBuiltin)
	if err := d.startAgent(ctx, agentCrontab, "scheduler: crontab\ncrontabFile: "+d.crontab+"\n"); err != nil {
		return err
	}
	d.story.step("enrolled", "%s, whose agent writes a crontab (here a file that no cron reads)", agentCrontab)
	return nil
}

// startAgent enrolls a host and starts its agent. Its policy lets the one source run jobs
// as the user who runs the demo, and nothing else.
func (d *demo) startAgent(ctx context.Context, name, scheduler string) error {
	dir := filepath.Join(d.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	config, policy := filepath.Join(dir, "agent.yaml"), filepath.Join(dir, "policy.yaml")
	settings := fmt.Sprintf("server: %s\nstateDir: %s\npolicyFile: %s\n", d.server, filepath.Join(dir, "state"), policy) + scheduler
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
	if _, err := d.run(ctx, d.agent, "enroll", "--config", config, "--token", token.Printed); err != nil {
		return err
	}
	return d.start(name, d.agent, "run", "--config", config)
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
	return d.until(ctx, "", func() (bool, error) { return false, nil })
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
