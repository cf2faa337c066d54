package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/settings"
)

// envPrefix begins the variables that are settings.
const envPrefix = "CRONTOPUS_AGENT"

// flags are the settings as a command line gives them: over variables, over the file.
type flags struct {
	given  *pflag.FlagSet // the root's persistent flags
	config string         // --config
}

func addSettings(root *cobra.Command) *flags {
	f := &flags{given: root.PersistentFlags()}
	var shown agent.Config
	f.given.AddFlagSet(settingFlags(&shown, agent.DefaultConfig(os.Getuid(), os.Getenv)))
	f.given.StringVar(&f.config, "config", "", "configuration `file` (default "+agent.DefaultConfigPath(os.Getuid(), os.Getenv)+", if it is there)")
	return f
}

// settingFlags is the one list of settings, bound to c.
func settingFlags(c *agent.Config, defaults agent.Config) *pflag.FlagSet {
	set := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	set.StringVar(&c.Server, "server", defaults.Server, "`URL` of the server")
	set.StringVar(&c.StateDir, "state-dir", defaults.StateDir, "`folder` of the agent's key, bundle and records")
	set.StringVar(&c.PolicyFile, "policy-file", defaults.PolicyFile, "the host's policy, a YAML `file`")
	set.StringVar(&c.Scheduler, "scheduler", defaults.Scheduler, "crontab or builtin (default: crontab where it is installed)")
	set.StringVar(&c.CrontabFile, "crontab-file", defaults.CrontabFile, "keep the entries in this crontab `file` instead of the host's")
	c.Log.Flags(set)
	set.DurationVar(&c.Interval, "interval", defaults.Interval, "how often to look for drift")
	return set
}

// load returns the settings that hold for this command.
func (f *flags) load() (agent.Config, error) {
	path, err := f.path(os.Getenv)
	if err != nil {
		return agent.Config{}, err
	}
	return read(path, f.given, os.Environ(), os.Getenv)
}

// path returns the configuration file: the one that was named, which must be there, or
// the default one if it is there, else "".
func (f *flags) path(getenv func(string) string) (string, error) {
	named := f.config
	if named == "" {
		named = getenv(envPrefix + "_CONFIG")
	}
	if named != "" {
		return filepath.Abs(named)
	}
	path := agent.DefaultConfigPath(os.Getuid(), getenv)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return path, nil
}

// read puts file, variables and given flags over the defaults.
func read(path string, given *pflag.FlagSet, environ []string, getenv func(string) string) (agent.Config, error) {
	var c agent.Config
	defaults := agent.DefaultConfig(os.Getuid(), getenv)
	set := settingFlags(&c, defaults)
	var err error
	if given != nil {
		// Not Visit: cobra parses into the set of the command that runs, and only the flag itself,
		// which both sets share, says that it was given.
		given.VisitAll(func(f *pflag.Flag) {
			if f.Changed && set.Lookup(f.Name) != nil {
				err = errors.Join(err, set.Set(f.Name, f.Value.String()))
			}
		})
	}
	if err != nil {
		return c, err
	}
	if err := settings.Apply(set, path, envPrefix, environ); err != nil {
		return c, err
	}
	c.PolicyFile, c.PolicyOptional = strings.CutPrefix(c.PolicyFile, "-")
	if err := c.Check(); err != nil {
		return c, err
	}
	c.PolicyOptional = c.PolicyOptional || c.PolicyFile == defaults.PolicyFile
	return c, nil
}

// entryConfig returns what --config in a scheduler's entry has to say so that a run finds
// the settings that hold here: cron starts it without our flags and variables. "" is the
// default place. Where no file says what holds, one is written into the state folder.
func (f *flags) entryConfig(c agent.Config) (string, error) {
	path, err := f.path(os.Getenv)
	if err != nil {
		return "", err
	}
	asFile, err := read(path, nil, nil, cronEnv)
	asFile.Log, c.Log = logs.Options{}, logs.Options{} // a run does not need them
	if err == nil && asFile == c {
		if standard, err := (&flags{}).path(cronEnv); err == nil && standard == path {
			return "", nil
		}
		if path != "" {
			return path, nil
		}
	}
	written := agent.State{Dir: c.StateDir}.ConfigFile()
	return written, write(written, c)
}

// cronEnv is the environment that cron gives a run, as far as settings go: HOME alone, and
// that from the password file, whatever HOME the agent was started with.
func cronEnv(name string) string {
	if name != "HOME" {
		return ""
	}
	me, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		return "" // a user whom nobody knows has no default folders under cron either
	}
	return me.HomeDir
}

// write puts settings into a file that load reads.
func write(path string, c agent.Config) error {
	policy := c.PolicyFile
	if c.PolicyOptional { // which cron's environment does not tell: it is the default place of this one
		policy = "-" + policy
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Settings of crontopus-agent, for runs that its scheduler starts.\n")
	for _, s := range []struct{ key, value string }{
		{"server", c.Server}, {"stateDir", c.StateDir}, {"policyFile", policy},
		{"scheduler", c.Scheduler}, {"crontabFile", c.CrontabFile}, {"interval", c.Interval.String()},
	} {
		if s.value != "" {
			fmt.Fprintf(&b, "%s: %q\n", s.key, s.value)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot make the folder of the configuration: %w", err)
	}
	if err := atomicfile.Write(path, []byte(b.String()), 0o644); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot write the configuration: %w", err)
	}
	return nil
}
