package lint

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"crontopus.dev/crontopus/schema"
)

func noTimeout(m *manifest) {
	if m.job.Spec.Run.Timeout == 0 && !m.job.Spec.Target.Ping {
		m.warn("/spec/run", "set timeout, such as 45m", "the job has no timeout: a run that hangs blocks all later ones")
	}
}

// Patterns are compiled when the first manifest needs them: a program that checks none does
// not wait for it.
func pattern(text string) func(string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
	return func(s string) bool { return compiled().MatchString(s) }
}

// secretName matches names of variables and options whose value is nobody's business.
var secretName = pattern(`(?i)(^|[_-])(password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)$`)

// secretForm matches values that are secrets by their form, whatever they are called:
// keys of the large providers, private keys, and passwords in addresses.
var secretForm = pattern(`AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|xox[abprs]-[A-Za-z0-9-]{10}|sk_live_[A-Za-z0-9]{16}` +
	`|AIza[0-9A-Za-z_-]{35}|-----BEGIN [A-Z ]*PRIVATE KEY-----|ct[kep]_[A-Za-z0-9]{20}|[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@$]{3,}@`)

// plainValue matches values that a secret's variable may have without being one: a path,
// a reference to another variable, a switch.
var plainValue = pattern(`^(|/.*|\$.*|true|false|yes|no|none|[0-9]{1,3}|.*:/.*)$`)

// secretSigns are parts of which every secretForm has one. Most text has none, and looking
// for them costs little.
var secretSigns = []string{"://", "_", "-----BEGIN", "AKIA", "AIza", "glpat-", "xox"}

func looksSecret(text string) bool {
	return slices.ContainsFunc(secretSigns, func(sign string) bool { return strings.Contains(text, sign) }) && secretForm(text)
}

const secretHint = "keep it in a file on the host and name that in run.secrets; make a new one, because this one is known"

func secretLiteral(m *manifest) {
	run := &m.job.Spec.Run
	for _, name := range slices.Sorted(maps.Keys(run.Environment)) {
		value := run.Environment[name]
		if looksSecret(value) || secretName(name) && !plainValue(value) {
			m.warn(schema.Pointer("spec", "run", "environment", name), secretHint, "%s looks like a secret, written out", name)
		}
	}
	for i, arg := range run.Command {
		option, value, given := strings.Cut(arg, "=")
		if looksSecret(arg) || given && strings.HasPrefix(option, "-") && secretName(option) && !plainValue(value) {
			m.warn("/spec/run/command/"+strconv.Itoa(i), secretHint, "this argument looks like a secret, written out")
		}
	}
	if looksSecret(run.Script) {
		m.warn("/spec/run/script", secretHint, "the script has what looks like a secret, written out")
	}
}

var openFolders = []string{"/tmp", "/var/tmp", "/dev/shm"}

func worldWritable(m *manifest) {
	run := &m.job.Spec.Run
	const hint = "put it where only its owner may write"
	if len(run.Command) > 0 && inOpenFolder(run.Command[0]) {
		m.warn("/spec/run/command/0", hint, "anybody on the host may put another program at %s", run.Command[0])
	}
	if inOpenFolder(run.WorkingDirectory) {
		m.warn("/spec/run/workingDirectory", hint, "anybody on the host may write to %s", run.WorkingDirectory)
	}
}

func inOpenFolder(name string) bool {
	name = path.Clean(name)
	return slices.ContainsFunc(openFolders, func(folder string) bool {
		return name == folder || strings.HasPrefix(name, folder+"/")
	})
}

// shellWord matches an argument that only a shell would act on.
var shellWord = pattern("^(\\||\\|\\||&&|&|;|>|>>|<|[0-9]?>&?[0-9]|[0-9]?>+/.*|\\$\\(.*|`.*`|\\$[A-Z_][A-Z0-9_]*|\\$\\{[A-Za-z_].*\\})$")

func shellLine(m *manifest) {
	command := m.job.Spec.Run.Command
	if len(command) > 1 && isShell(command[0]) {
		return // its arguments are read by a shell
	}
	for i, arg := range command {
		if shellWord(arg) {
			m.warn("/spec/run/command/"+strconv.Itoa(i), "use run.script, which a shell reads", "no shell reads the command: the program gets %q as it is", arg)
			return
		}
	}
}

func isShell(program string) bool {
	switch path.Base(program) {
	case "sh", "bash", "dash", "zsh", "ksh", "ash", "busybox", "env", "find", "xargs":
		return true
	}
	return false
}
