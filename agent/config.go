package agent

import (
	"os/exec"
	"path/filepath"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/logs"
)

// Config is an agent's settings. Its fields are named in the configuration file as here,
// beginning small, and in flags and variables after their manner: stateDir, --state-dir,
// CRONTOPUS_AGENT_STATE_DIR.
type Config struct {
	Server         string        // where to enroll; afterwards, where the server has moved to
	StateDir       string        // see State
	PolicyFile     string        // see LoadPolicy
	PolicyOptional bool          // whether PolicyFile may be missing: in its default place; written as a - before the path
	Scheduler      string        // one of the Scheduler constants, or "" to choose
	CrontabFile    string        // a crontab of its own, for demos and tests; "" is the host's
	Interval       time.Duration // between two looks for drift
	Log            logs.Options  // how the daemon logs; no setting that a run depends on
}

// The schedulers that an agent knows.
const (
	SchedulerCrontab = "crontab"
	SchedulerBuiltin = "builtin"
)

// DefaultInterval is how often an agent looks whether its entries are still as it left them.
const DefaultInterval = 5 * time.Minute

// DefaultConfig returns the settings without any file, flag or variable: the system's
// folders for root, the XDG folders for any other user.
func DefaultConfig(uid int, getenv func(string) string) Config {
	c := Config{Interval: DefaultInterval, PolicyOptional: true}
	if uid == 0 {
		c.StateDir, c.PolicyFile = "/var/lib/crontopus-agent", "/etc/crontopus/policy.yaml"
		return c
	}
	c.StateDir = filepath.Join(xdg(getenv, "XDG_STATE_HOME", ".local/state"), "crontopus-agent")
	c.PolicyFile = filepath.Join(xdg(getenv, "XDG_CONFIG_HOME", ".config"), "crontopus", "policy.yaml")
	return c
}

// DefaultConfigPath is where an agent looks for its configuration file.
func DefaultConfigPath(uid int, getenv func(string) string) string {
	if uid == 0 {
		return "/etc/crontopus/agent.yaml"
	}
	return filepath.Join(xdg(getenv, "XDG_CONFIG_HOME", ".config"), "crontopus", "agent.yaml")
}

// xdg returns a folder of the XDG base directory specification, which ignores a relative one.
func xdg(getenv func(string) string, variable, fallback string) string {
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(getenv("HOME"), fallback)
}

// Policy reads what the host allows an agent that runs as uid.
func (c *Config) Policy(uid int) (*Policy, error) {
	if c.PolicyOptional {
		return LoadPolicy(c.PolicyFile, uid)
	}
	return RequirePolicy(c.PolicyFile, uid)
}

// Check refuses settings that cannot work, and makes every path whole, so that a run
// finds the same files whatever folder its scheduler starts it in.
func (c *Config) Check() error {
	for _, path := range []*string{&c.StateDir, &c.PolicyFile, &c.CrontabFile} {
		if *path == "" {
			continue
		}
		whole, err := filepath.Abs(*path)
		if err != nil {
			return crontopus.Errorf(crontopus.CodeInvalid, "no whole path for %s: %w", *path, err)
		}
		*path = whole
	}
	switch {
	case c.StateDir == "":
		return crontopus.Errorf(crontopus.CodeInvalid, "no state folder").WithHint("name one with --state-dir")
	case c.Interval < time.Second:
		return crontopus.Errorf(crontopus.CodeInvalid, "an interval of %s is too short", c.Interval).WithHint("write at least 1s; the default is %s", DefaultInterval)
	case c.Scheduler != "" && c.Scheduler != SchedulerCrontab && c.Scheduler != SchedulerBuiltin:
		return crontopus.Errorf(crontopus.CodeInvalid, "no scheduler is called %q", c.Scheduler).WithHint("write crontab or builtin, or leave it out")
	case c.CrontabFile != "" && c.Scheduler == SchedulerBuiltin:
		return crontopus.Errorf(crontopus.CodeInvalid, "the builtin scheduler has no crontab file").WithHint("leave out --crontab-file, or choose the crontab scheduler")
	}
	return nil
}

// SchedulerName returns the scheduler that the settings name, or the one that fits: cron
// where it is installed, else the built-in one.
func (c *Config) SchedulerName() string {
	switch {
	case c.Scheduler != "":
		return c.Scheduler
	case c.CrontabFile != "":
		return SchedulerCrontab
	}
	if _, err := exec.LookPath("crontab"); err == nil {
		return SchedulerCrontab
	}
	return SchedulerBuiltin
}
