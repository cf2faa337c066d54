package agent

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// Executable is one thing that a job's command may be: a whole path with any arguments,
// or, where the path belongs to an interpreter or launcher, one exact argv.
type Executable struct {
	Path string
	Argv []string // nil: any arguments
}

func (e Executable) allows(command []string) bool {
	if e.Argv != nil {
		return slices.Equal(e.Argv, command)
	}
	return e.Path == command[0]
}

// launchers run whatever their arguments say, so allowing one allows everything.
var launchers = strings.Fields(`
	sh bash dash ash zsh ksh mksh csh tcsh fish busybox toybox
	env find xargs parallel nice ionice nohup timeout setsid stdbuf time watch script flock
	sudo su doas runuser setpriv chroot unshare nsenter systemd-run start-stop-daemon ssh
	python pypy perl ruby node nodejs deno bun php lua luajit tclsh awk gawk mawk nawk sed make git tar vi vim ed`)

// isLauncher knows a launcher by its name, with or without a version behind it.
func isLauncher(file string) bool {
	return slices.Contains(launchers, strings.TrimRight(path.Base(file), "0123456789.-"))
}

// neverEnvironment are variables that decide which code a program loads or finds. A
// policy that names what may run, or which variables may be set, cannot let them through.
var neverEnvironment = []string{
	"LD_*", "DYLD_*", "PATH", "BASH_ENV", "ENV", "BASH_FUNC_*", "SHELLOPTS", "IFS", "GCONV_PATH", "GLIBC_TUNABLES",
	"PYTHONPATH", "PYTHONHOME", "PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT", "NODE_OPTIONS", "NODE_PATH",
	"PERLLIB", "PERL5DB", "PYTHONSTARTUP", "PYTHONUSERBASE", "LUA_INIT*", "LUA_PATH*", "LUA_CPATH*", "PHPRC", "PHP_INI_SCAN_DIR",
	"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "GIT_*", "PS4", "PROMPT_COMMAND", "LESSOPEN", "LESSCLOSE",
}

// byNameEnvironment are variables by which a program can be made to run something else, and that have
// honest uses, too. A pattern that takes in all kinds of names does not mean them.
var byNameEnvironment = []string{
	"TAR_OPTIONS", "MAKEFLAGS", "GNUMAKEFLAGS", "MFLAGS", "MAKEFILES", "RSYNC_RSH", "RSYNC_CONNECT_PROG",
	"OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSH_ASKPASS", "SUDO_ASKPASS",
	"EDITOR", "VISUAL", "PAGER", "MANPAGER", "SYSTEMD_PAGER", "PSQL_PAGER", "PSQL_EDITOR", "BROWSER", "CLASSPATH",
	"HOME", "XDG_CONFIG_HOME", "CURL_HOME", "WGETRC", "PSQLRC", "GNUPGHOME", "DOCKER_CONFIG", "KUBECONFIG", "SHELL",
}

func forbid(format string, args ...any) error {
	return crontopus.Errorf(crontopus.CodeForbidden, format, args...)
}

func (p *Policy) allowsSource(url string) error {
	if p.Sources == nil || slices.ContainsFunc(p.Sources, func(allowed string) bool { return covers(allowed, url) }) {
		return nil
	}
	return forbid("the host's policy does not take jobs from the source %q (sources)", url)
}

// covers reports whether what was allowed is the name itself or, ending in /, a folder
// above it.
func covers(allowed, name string) bool {
	if !strings.HasSuffix(allowed, "/") {
		return allowed == name
	}
	return strings.HasPrefix(name, allowed) && !slices.Contains(strings.Split(name, "/"), "..")
}

func (p *Policy) allowsUser(name string) error {
	uid := p.uid
	if name != "" {
		account, err := p.lookup(name)
		if err != nil {
			return because(crontopus.ReasonUserMissing, forbid("this host has no user %q (run.user)", name))
		}
		if uid, err = strconv.Atoi(account.Uid); err != nil {
			return forbid("the user %q has the id %q, which is no number", name, account.Uid)
		}
	}
	switch {
	case uid != p.uid && p.uid != 0:
		return forbid("this agent does not run as root, so it cannot start a job as %q; leave run.user out, or run the agent as root", name)
	case uid == 0 && !slices.Contains(p.Users, "root"):
		return forbid("the host's policy does not let jobs run as root; set run.user to another user, or list root under users in the policy")
	case uid == 0 || p.Users == nil || slices.Contains(p.Users, p.nameOf(name)):
		return nil
	}
	return forbid("the host's policy does not let jobs run as %q (users)", p.nameOf(name))
}

// nameOf returns the name that a policy's users are compared with; a job that names
// nobody runs as the agent's user.
func (p *Policy) nameOf(name string) string {
	if name != "" {
		return name
	}
	id := strconv.Itoa(p.uid)
	if account, err := p.lookupID(id); err == nil {
		return account.Username
	}
	return id
}

func (p *Policy) allowsProgram(run *crontopus.RunSpec) error {
	if run.Script != "" {
		allowed := p.Executables == nil
		if p.AllowScripts != nil {
			allowed = *p.AllowScripts
		}
		if !allowed {
			return forbid("the host's policy does not allow scripts (allowScripts)")
		}
		return nil
	}
	if len(run.Command) == 0 {
		return forbid("the job has neither a command nor a script")
	}
	if p.Executables == nil || slices.ContainsFunc(p.Executables, func(e Executable) bool { return e.allows(run.Command) }) {
		return nil
	}
	if isLauncher(run.Command[0]) {
		return forbid("the host's policy does not allow %q with these arguments (executables)", run.Command[0])
	}
	return forbid("the host's policy does not allow %q (executables)", run.Command[0])
}

func (p *Policy) allowsEnvironment(run *crontopus.RunSpec) error {
	if p.Environment == nil && p.Executables == nil {
		return nil
	}
	for _, name := range keysOf(run.Environment, run.Secrets) {
		switch {
		case matchesName(neverEnvironment, name):
			return forbid("the host's policy cannot allow the variable %s, which decides what code runs (environment)", name)
		case slices.Contains(p.Environment, name):
		case matchesName(byNameEnvironment, name):
			return forbid("the host's policy allows the variable %s, which can decide what code runs, only where it is listed by this very name (environment)", name)
		case !matchesName(p.Environment, name): // beside executables no list is an empty one
			return forbid("the host's policy does not allow the variable %s (environment)", name)
		}
	}
	return nil
}

// keysOf returns the keys of the maps, sorted, so that a refusal is the same each time.
func keysOf(maps ...map[string]string) []string {
	var all []string
	for _, m := range maps {
		for name := range m {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// matchesName reports whether one of the patterns, a name or NAME_*, takes in name.
func matchesName(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		return name == pattern || open && strings.HasPrefix(name, prefix)
	})
}

// RootSecrets is the folder from which a root agent reads secrets where its policy names none: a
// root agent can read every file, and a manifest must not be what chooses among them.
const RootSecrets = "/etc/crontopus/secrets/"

// rootSecretsOnly reports whether nothing but RootSecrets may be read.
func (p *Policy) rootSecretsOnly() bool { return p.SecretPaths == nil && p.uid == 0 }

func (p *Policy) allowsSecrets(run *crontopus.RunSpec) error {
	paths := p.SecretPaths
	switch {
	case p.rootSecretsOnly():
		paths = []string{RootSecrets}
	case paths == nil:
		return nil
	}
	for _, name := range keysOf(run.Secrets) {
		file, isFile := strings.CutPrefix(run.Secrets[name], "file:")
		switch {
		case isFile && slices.ContainsFunc(paths, func(allowed string) bool { return covers(allowed, file) }):
			continue
		case p.rootSecretsOnly():
			return forbid("a root agent reads secrets below %s only, and not the secret %s from %q; put it there, or list its folder under secretPaths in the host's policy",
				RootSecrets, name, run.Secrets[name])
		}
		return forbid("the host's policy does not let the secret %s be read from %q (secretPaths)", name, run.Secrets[name])
	}
	return nil
}

// allowsInterval looks at one whole year of runs. Cron cannot say less than a minute.
func (p *Policy) allowsInterval(job *crontopus.Job) error {
	least := p.MinInterval.Std()
	if least <= time.Minute {
		return nil
	}
	set, err := schedule.New(job.Spec.Schedule, "UTC", job.Name().String())
	if err != nil {
		return err
	}
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) // a leap year, so that 29 February counts
	last, ok := set.Next(begin)
	for ok && last.Before(begin.AddDate(1, 0, 0)) {
		var next time.Time
		if next, ok = set.Next(last); ok && next.Sub(last) < least {
			return forbid("the host's policy wants %s between two runs (minInterval), and this schedule has runs %s apart",
				p.MinInterval, crontopus.Duration(next.Sub(last)))
		}
		last = next
	}
	return nil
}
