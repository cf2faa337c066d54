package agent_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

// The users of these tests: nobody exists on every host, and is not root.
const (
	rootUID    = 0
	nobodyName = "nobody"
)

func uidOf(t testing.TB, name string) int {
	account, err := user.Lookup(name)
	require.NoError(t, err)
	uid, err := strconv.Atoi(account.Uid)
	require.NoError(t, err)
	return uid
}

func TestPolicyAllows(t *testing.T) {
	nobody := uidOf(t, nobodyName)
	for _, c := range []struct {
		name   string
		rules  string
		uid    int
		change func(j *crontopus.Job)
		denied string // "" is allowed
	}{
		{"no rules, a user's agent, its own user", "", nobody, nil, ""},
		{"no rules, a root agent, a named user", "", rootUID, runAs(nobodyName), ""},
		{"no rules, a root agent, root by default", "", rootUID, nil, "list root under users"},
		{"no rules, a root agent, root by name", "", rootUID, runAs("root"), "list root under users"},
		{"root is listed", "users: [root]", rootUID, nil, ""},
		{"root is listed, and named", "users: [root]", rootUID, runAs("root"), ""},
		{"root is not among the listed", "users: [nobody]", rootUID, nil, "list root under users"},
		{"a listed user", "users: [root, nobody]", rootUID, runAs(nobodyName), ""},
		{"a user who is not listed", "users: [root]", rootUID, runAs(nobodyName), `run as "nobody"`},
		{"nobody may", "users: []", rootUID, runAs(nobodyName), `run as "nobody"`},
		{"a user who does not exist", "", rootUID, runAs("no-such-user-here"), "no user"},
		{"another user on an agent that is not root", "users: [root, nobody]", nobody, runAs("root"), "does not run as root"},
		{"its own user by name", "", nobody, runAs(nobodyName), ""},
		{"its own user, listed", "users: [nobody]", nobody, nil, ""},
		{"its own user, not listed", "users: [backup]", nobody, nil, `run as "nobody"`},

		{"the allowed source", "sources: ['https://git.example.com/ops/jobs.git']", nobody, nil, ""},
		{"all below a folder", "sources: [https://git.example.com/ops/]", nobody, nil, ""},
		{"another source", "sources: [https://git.example.com/ops/other.git]", nobody, nil, "sources"},
		{"a source that only begins alike", "sources: [https://git.example.com/ops/jobs]", nobody, nil, "sources"},
		{"a source that climbs out", "sources: [https://git.example.com/ops/]", nobody,
			func(j *crontopus.Job) { j.Source = "https://git.example.com/ops/../evil.git" }, "sources"},
		{"no source at all", "sources: [https://git.example.com/ops/]", nobody, func(j *crontopus.Job) { j.Source = "" }, "sources"},
		{"no source is allowed", "sources: []", nobody, nil, "sources"},

		{"the allowed program", "executables: [/bin/echo]", nobody, nil, ""},
		{"another program", "executables: [/bin/true]", nobody, nil, `"/bin/echo" (executables)`},
		{"the program by a detour", "executables: [/bin/echo]", nobody, command("/bin/../bin/echo"), "executables"},
		{"the program without its path", "executables: [/bin/echo]", nobody, command("echo"), "executables"},
		{"a shell with the exact argv", "executables: [[/bin/sh, -c, date]]", nobody, command("/bin/sh", "-c", "date"), ""},
		{"a shell with another argv", "executables: [[/bin/sh, -c, date]]", nobody, command("/bin/sh", "-c", "id"), "with these arguments"},
		{"a shell with one argument more", "executables: [[/bin/sh, -c, date]]", nobody, command("/bin/sh", "-c", "date", "x"), "with these arguments"},
		{"a script, no rules", "", nobody, script, ""},
		{"a script beside executables", "executables: [/bin/echo]", nobody, script, "allowScripts"},
		{"a script beside executables, allowed", "executables: [/bin/echo]\nallowScripts: true", nobody, script, ""},
		{"a script, forbidden", "allowScripts: false", nobody, script, "allowScripts"},
		{"neither command nor script", "", nobody, command(), "neither"},

		{"PATH, no rules", "", nobody, env("PATH", "/x"), ""},
		{"PATH where programs are named", "executables: [/bin/echo]", nobody, env("PATH", "/x"), "PATH"},
		{"LD_PRELOAD where programs are named", "executables: [/bin/echo]", nobody, env("LD_PRELOAD", "/x.so"), "LD_PRELOAD"},
		{"LD_PRELOAD as a secret", "executables: [/bin/echo]", nobody, secret("LD_PRELOAD", "file:/x"), "LD_PRELOAD"},
		{"what Node loads first, an allowed program", "executables: [/bin/echo]", nobody, env("NODE_OPTIONS", "--require /tmp/x"), "NODE_OPTIONS"},
		{"what Git runs, all variables", "environment: ['*']", nobody, env("GIT_SSH_COMMAND", "id"), "GIT_SSH_COMMAND"},
		{"what tar runs, an allowed argv", "executables: [[/bin/echo, a]]", nobody, env("TAR_OPTIONS", "--to-command=id"), "TAR_OPTIONS"},
		{"any variable where programs are named", "executables: [/bin/echo]", nobody, env("TARGET", "x"), "does not allow the variable TARGET"},
		{"any secret where programs are named", "executables: [/bin/echo]", nobody, secret("TOKEN", "file:/x"), "does not allow the variable TOKEN"},
		{"a listed variable where programs are named", "executables: [/bin/echo]\nenvironment: [TARGET]", nobody, env("TARGET", "x"), ""},
		{"what make runs, all variables", "environment: ['*']", nobody, env("MAKEFLAGS", "--eval=x"), "by this very name"},
		{"what rsync runs, a prefix", "environment: [RSYNC_*]", nobody, env("RSYNC_RSH", "id"), "by this very name"},
		{"what rsync runs, by its name", "environment: [RSYNC_RSH]", nobody, env("RSYNC_RSH", "ssh -p 22"), ""},
		{"what a shell says before each line, all variables", "environment: ['*']", nobody, env("PS4", "$(id)"), "cannot allow"},
		{"an allowed variable", "environment: [TARGET]", nobody, env("TARGET", "x"), ""},
		{"an allowed prefix", "environment: [APP_*]", nobody, env("APP_MODE", "x"), ""},
		{"a variable that is not allowed", "environment: [TARGET]", nobody, env("OTHER", "x"), "OTHER"},
		{"all variables but those that decide what runs", "environment: ['*']", nobody, env("BASH_ENV", "x"), "BASH_ENV"},

		{"a secret, no rules", "", nobody, secret("A", "file:/etc/x"), ""},
		{"a secret, no rules, a root agent", "", rootUID, both(runAs(nobodyName), secret("A", "file:/etc/shadow")), "below /etc/crontopus/secrets/ only"},
		{"a secret in root's folder for them", "", rootUID, both(runAs(nobodyName), secret("A", "file:/etc/crontopus/secrets/app/key")), ""},
		{"a secret that climbs out of it", "", rootUID, both(runAs(nobodyName), secret("A", "file:/etc/crontopus/secrets/../../shadow")), "put it there"},
		{"root's folder itself", "", rootUID, both(runAs(nobodyName), secret("A", "file:/etc/crontopus/secrets")), "put it there"},
		{"rules about other things, a root agent", "users: [nobody]", rootUID, both(runAs(nobodyName), secret("A", "file:/etc/shadow")), "secretPaths"},
		{"the allowed secret, a root agent", "secretPaths: [/srv/key]", rootUID, both(runAs(nobodyName), secret("A", "file:/srv/key")), ""},
		{"only what is allowed, a root agent", "secretPaths: [/srv/key]", rootUID, both(runAs(nobodyName), secret("A", "file:/etc/crontopus/secrets/key")), "secretPaths"},
		{"the allowed secret", "secretPaths: [/etc/app/key]", nobody, secret("A", "file:/etc/app/key"), ""},
		{"a secret below an allowed folder", "secretPaths: [/etc/app/]", nobody, secret("A", "file:/etc/app/x/key"), ""},
		{"a secret that climbs out", "secretPaths: [/etc/app/]", nobody, secret("A", "file:/etc/app/../shadow"), "secretPaths"},
		{"another secret", "secretPaths: [/etc/app/key]", nobody, secret("A", "file:/etc/shadow"), "secretPaths"},
		{"a secret of another kind", "secretPaths: [/]", nobody, secret("A", "vault:/etc/x"), "secretPaths"},

		{"often enough apart", "minInterval: 5m", nobody, schedule("*/5 * * * *"), ""},
		{"too often", "minInterval: 5m", nobody, schedule("*/4 * * * *"), "4m apart"},
		{"too often on one day of the year", "minInterval: 1h", nobody, schedule("0 0 * * *", "30 0 29 2 *"), "30m apart"},
		{"once at boot", "minInterval: 1h", nobody, schedule("@reboot"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, err := agent.ParseRules("policy.yaml", []byte(c.rules))
			require.NoError(t, err)
			j := job("a")
			if c.change != nil {
				c.change(&j)
			}
			err = agent.NewPolicy(rules, c.uid).Allows(&j)
			if c.denied == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.denied)
			require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
		})
	}
}

func runAs(name string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Run.User = name }
}
func both(first, second func(*crontopus.Job)) func(*crontopus.Job) {
	return func(j *crontopus.Job) { first(j); second(j) }
}

func command(argv ...string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Run.Command = argv }
}
func script(j *crontopus.Job) { j.Spec.Run.Command, j.Spec.Run.Script = nil, "date\n" }
func env(name, value string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Run.Environment = map[string]string{name: value} }
}
func secret(name, reference string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Run.Secrets = map[string]string{name: reference} }
}
func schedule(expressions ...string) func(*crontopus.Job) {
	return func(j *crontopus.Job) { j.Spec.Schedule = expressions }
}

func TestScreenKeepsWhatTheHostHeldBefore(t *testing.T) {
	two := 2
	p := agent.NewPolicy(agent.Rules{MaxJobs: &two}, uidOf(t, nobodyName))
	jobs := []crontopus.Job{job("a"), job("b"), job("c"), job("d")}
	for _, c := range []struct {
		name string
		held []crontopus.JobName
		want []string
	}{
		{"a new host", nil, []string{"a", "b"}},
		{"one held", []crontopus.JobName{named("c")}, []string{"a", "c"}},
		{"all room held", []crontopus.JobName{named("c"), named("d")}, []string{"c", "d"}},
		{"held and gone from the bundle", []crontopus.JobName{named("x"), named("y")}, []string{"a", "b"}},
		{"more held than there is room now", []crontopus.JobName{named("b"), named("c"), named("d")}, []string{"b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			allowed, denied := p.Screen(jobs, c.held)
			var got []string
			for _, j := range allowed {
				got = append(got, j.Metadata.Name)
			}
			require.Equal(t, c.want, got)
			require.Len(t, denied, 2)
			require.Contains(t, denied[0].Reason, "at most 2 jobs (maxJobs)")
		})
	}
}

func TestOneDeniedJobDoesNotHoldUpTheOthers(t *testing.T) {
	p := agent.NewPolicy(agent.Rules{}, rootUID)
	jobs := []crontopus.Job{job("a"), job("b"), job("c")}
	jobs[0].Spec.Run.User, jobs[2].Spec.Run.User = nobodyName, nobodyName
	allowed, denied := p.Screen(jobs, nil)
	require.Len(t, allowed, 2)
	require.Len(t, denied, 1)
	require.Equal(t, named("b"), denied[0].Job)
	require.Contains(t, denied[0].Reason, "set run.user")
}

func TestParseRulesRefuses(t *testing.T) {
	for name, c := range map[string]struct{ yaml, message, hint string }{
		"a rule in other words":         {"user: [a]", `no rule is called "user"`, "did you mean users?"},
		"a rule nobody knows":           {"frobnicate: 1", `line 1: no rule is called "frobnicate"`, "the rules are sources, users"},
		"a rule twice":                  {"users: [a]\nusers: [b]", "already defined", ""},
		"a rule without a value":        {"users:\n", "users has no value", "write users: []"},
		"one where a list belongs":      {"users: root", "string was used where sequence", ""},
		"a list where a map belongs":    {"- users", "sequence was used where mapping", ""},
		"no YAML":                       {"users: [a", "']' not found", ""},
		"a NUL byte":                    {"users: [\"a\x00\"]", "NUL", ""},
		"an anchor":                     {"users: &x [a]", `line 1: "&" is not part of a policy`, ""},
		"a second document":             {"users: [a]\n---\nusers: [root]", "one document", ""},
		"a count below zero":            {"maxJobs: -1", "count from 0", ""},
		"an empty user":                 {"users: ['']", "empty entry", ""},
		"an interval that is none":      {"minInterval: soon", "not a duration", ""},
		"a shell with any arguments":    {"executables: [/bin/bash]", "whatever its arguments say", ""},
		"a versioned interpreter":       {"executables: [/usr/bin/python3.11]", "whatever its arguments say", ""},
		"a program without its path":    {"executables: [backup]", "not a whole path", ""},
		"an argv without its path":      {"executables: [[sh, -c, date]]", "not a whole path", ""},
		"a variable that decides":       {"environment: [PATH]", "environment cannot allow PATH", ""},
		"variables of the loader":       {"environment: [LD_*]", "environment cannot allow LD_*", ""},
		"one variable of the loader":    {"environment: [LD_PRELOAD]", "environment cannot allow LD_PRELOAD", ""},
		"a secret without a whole path": {"secretPaths: [secrets/]", "not a whole path", ""},
		"brackets without end":          {"users: [[[[[[[[", "nested too deeply", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agent.ParseRules("/etc/crontopus/policy.yaml", []byte(c.yaml))
			require.ErrorContains(t, err, c.message)
			require.ErrorContains(t, err, "/etc/crontopus/policy.yaml")
			require.Contains(t, crontopus.ErrorHint(err), c.hint)
		})
	}
}

func TestPolicyFileIsTrusted(t *testing.T) {
	me := os.Getuid()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, file string)
		uid     int
		refused string
	}{
		"no file":                 {func(*testing.T, string) {}, me, ""},
		"ours":                    {func(t *testing.T, file string) { writeFile(t, file, "users: [a]", 0o644) }, me, ""},
		"writable by the group":   {func(t *testing.T, file string) { writeFile(t, file, "users: [a]", 0o664) }, me, "can be written by other users (mode 0664)"},
		"writable by everybody":   {func(t *testing.T, file string) { writeFile(t, file, "users: [a]", 0o602) }, me, "can be written by other users"},
		"in a folder of everyone": {func(t *testing.T, file string) { writeFile(t, file, "", 0o600); chmod(t, filepath.Dir(file), 0o777) }, me, "who could put another in its place"},
		"in a folder like /tmp": {func(t *testing.T, file string) {
			writeFile(t, file, "", 0o600)
			chmod(t, filepath.Dir(file), 0o777|os.ModeSticky)
		}, me, "who could put another in its place"},
		"in a folder of a group": {func(t *testing.T, file string) { writeFile(t, file, "", 0o600); chmod(t, filepath.Dir(file), 0o775) }, me, "can be written by other users (mode 0775)"},
		"a folder":               {func(t *testing.T, file string) { require.NoError(t, os.Mkdir(file, 0o700)) }, me, "not a regular file"},
		"larger than any policy": {func(t *testing.T, file string) { writeFile(t, file, string(make([]byte, 65<<10)), 0o600) }, me, "more than"},
		"misspelled":             {func(t *testing.T, file string) { writeFile(t, file, "usres: [a]", 0o600) }, me, "no rule is called"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etc")
			require.NoError(t, os.Mkdir(dir, 0o755))
			file := filepath.Join(dir, "policy.yaml")
			c.prepare(t, file)
			_, err := agent.LoadPolicy(file, c.uid)
			if c.refused == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.refused)
		})
	}
}

func TestAPolicyFileThatIsNamedMustBeThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	settings := agent.Config{PolicyFile: file, PolicyOptional: true}
	_, err := settings.Policy(os.Getuid())
	require.NoError(t, err, "in its default place")
	settings.PolicyOptional = false
	_, err = settings.Policy(os.Getuid())
	require.ErrorContains(t, err, "so no job may run")
	require.ErrorContains(t, err, file)
	require.Contains(t, crontopus.ErrorHint(err), "policyFile")
	writeFile(t, file, "users: []", 0o600)
	_, err = settings.Policy(os.Getuid())
	require.NoError(t, err)
}

// Only root can give a file away, so this runs wherever the tests run as root.
func TestPolicyFileOfAnotherUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	writeFile(t, file, "users: [a]", 0o644)
	owner := os.Getuid()
	_, err := agent.LoadPolicy(file, owner)
	require.NoError(t, err)
	_, err = agent.LoadPolicy(file, owner+1)
	if owner == rootUID {
		require.NoError(t, err, "root may say what a user's agent may do")
		require.NoError(t, os.Chown(file, 12345, -1))
		_, err = agent.LoadPolicy(file, rootUID)
	}
	require.ErrorContains(t, err, "neither the agent's user nor root")
	require.Contains(t, crontopus.ErrorHint(err), "chown")
	if owner == rootUID {
		require.NoError(t, os.Chown(file, rootUID, -1))
		require.NoError(t, os.Chown(filepath.Dir(file), 12345, -1))
		_, err = agent.LoadPolicy(file, rootUID)
		require.ErrorContains(t, err, "who could replace it")
	}
}

func writeFile(t *testing.T, file, content string, mode os.FileMode) {
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	chmod(t, file, mode)
}

func chmod(t *testing.T, file string, mode os.FileMode) { require.NoError(t, os.Chmod(file, mode)) }

// FuzzPolicy: no file makes the parser panic, and no rules let a root agent run a job as
// root unless root is written in them.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		"", "---\nusers: [root]\n", "users: []", "executables: [/bin/echo, [/bin/sh, -c, x]]", "maxJobs: 3\nminInterval: 5m",
		"environment: [A, B_*]\nsecretPaths: [/etc/]", "sources: [https://x/]", "a: &b [*b]", "{users: [root]}", "users: !!str x",
	} {
		f.Add([]byte(seed))
	}
	j := job("a")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			return // the size is bounded before
		}
		rules, err := agent.ParseRules("policy.yaml", data)
		if err != nil {
			require.Zero(t, rules)
			return
		}
		if agent.NewPolicy(rules, rootUID).Allows(&j) == nil {
			require.Contains(t, rules.Users, "root")
		}
	})
}
