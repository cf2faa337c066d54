package lint

import (
	"slices"

	"crontopus.dev/crontopus"
)

// Rules lists every rule, in the order of the page about them.
func Rules() []Rule { return slices.Clone(rules) }

var rules = []Rule{
	{
		Name: "no-timeout", Severity: crontopus.SeverityWarning,
		Summary: "a job that may run forever", manifest: noTimeout,
		Why: "A job that hangs holds its lock, and every later run is skipped: nobody notices until the work is missed. " +
			"Set `run.timeout` to a time that the job never takes when all is well.",
		Example: "schedule: \"0 3 * * *\"\nrun: {command: [/usr/local/bin/backup]}",
	},
	{
		Name: "two-day-fields", Severity: crontopus.SeverityWarning,
		Summary: "day of month and day of week together", manifest: twoDayFields, alone: true,
		Why: "cron runs a job when *either* day field matches, unless one begins with `*`: then *both* must match. " +
			"`0 0 13 * 5` is every 13th and every Friday, not Friday the 13th. Use one of the two fields, or say which Friday with `5#2`.",
		Example: "schedule: \"0 0 13 * 5\"",
	},
	{
		Name: "dst-hazard", Severity: crontopus.SeverityWarning,
		Summary: "a time that a change of the clock skips or repeats", manifest: dstHazard, alone: true,
		Why: "In the night in which the clock goes forward an hour does not exist, and in autumn one comes twice. Jobs at those times " +
			"move, are lost or run twice. Choose a time that every day has once, or `timezone: UTC`.",
		Example: "schedule: \"30 2 * * *\"\ntimezone: Europe/Helsinki",
	},
	{
		Name: "herd", Severity: crontopus.SeverityWarning,
		Summary: "more than 20 jobs of one target in the same minute", fleet: herd,
		Why: "Many jobs that start together make each other slow, and what they share (a database, a network) too. " +
			"Spread them with `H` in the minute, or with `run.splay`. Jobs with `timezone: host` are counted by themselves.",
		Example: "# 21 jobs with the same target and\nschedule: \"0 0 * * *\"",
	},
	{
		Name: "overlapping-runs", Severity: crontopus.SeverityWarning,
		Summary: "runs closer together than the timeout, with `concurrency: allow`", manifest: overlappingRuns,
		Why: "A run may take as long as its timeout, and the next ones start beside it: a slow dependency then fills the host with processes. " +
			"Use `concurrency: forbid`, or a timeout that is shorter than the time between runs.",
		Example: "schedule: \"*/5 * * * *\"\nrun: {command: [/usr/local/bin/poll], timeout: 10m, concurrency: allow}",
	},
	{
		Name: "secret-literal", Severity: crontopus.SeverityWarning,
		Summary: "what looks like a password or key, in the manifest itself", manifest: secretLiteral,
		Why: "Everybody who can read the repository can read it, and Git never forgets. Keep the secret in a file on the host and refer " +
			"to it in `run.secrets`; then make a new one, because this one is known.",
		Example: "run:\n  command: [/usr/local/bin/sync]\n  environment: {API_TOKEN: 8f14e45fceea167a}",
	},
	{
		Name: "world-writable-path", Severity: crontopus.SeverityWarning,
		Summary: "a program or working directory where anybody may write", manifest: worldWritable,
		Why:     "Whoever has an account on the host can put a program there that then runs as the job's user. Use a path that only its owner can write.",
		Example: "run: {command: [/tmp/backup.sh]}",
	},
	{
		Name: "shell-line", Severity: crontopus.SeverityWarning,
		Summary: "shell syntax in a command that no shell reads", manifest: shellLine,
		Why:     "`run.command` is started as it is: `|`, `>`, `&&` and `$NAME` are arguments like any other. Write a `run.script`, or leave them out.",
		Example: "run: {command: [/usr/bin/pg_dump, orders, \">\", /srv/orders.sql]}",
	},
	{
		Name: "similar-name", Severity: crontopus.SeverityWarning,
		Summary: "two jobs whose names look alike", fleet: similarNames,
		Why:     "`backup-l` and `backup-1` cannot be told apart in a list at night. Give one of them a name that says what is different.",
		Example: "# in one namespace\nmetadata: {name: backup-l}\n---\nmetadata: {name: backup-1}",
	},
	{
		Name: "unknown-label", Severity: crontopus.SeverityWarning,
		Summary: "a target's label that is nearly the one of other jobs", fleet: unknownLabels,
		Why: "A label that is written wrong selects no host, and nothing runs there. This one is in a single target, and many other targets have " +
			"one that differs by a letter.",
		Example: "# many jobs have\ntarget: {labels: {role: database}}\n# and one has\ntarget: {labels: {role: databse}}",
	},
	{
		Name: "no-agent", Severity: crontopus.SeverityWarning,
		Summary: "a target that no agent matches (with `--server`)", hosts: noAgent,
		Why: "The manifest is valid and its job runs nowhere until a host is enrolled that it matches. `crontopus validate --server` asks the server " +
			"that `auth login` stored; without it nothing is known of hosts, and the rule is silent.",
		Example: "# while no agent has the label role=cache\ntarget: {labels: {role: cache}}",
	},
	{
		Name: "unknown-channel", Severity: crontopus.SeverityWarning,
		Summary: "a policy's channel that no manifest names", folder: unknownChannels,
		Why: "Nobody is told by a channel that does not exist. Where it is another repository's, say so with `# crontopus: allow unknown-channel`. " +
			"The rule speaks when a whole folder is read.",
		Example: "# while there is no NotificationChannel default/chta\napiVersion: crontopus.dev/v1\nkind: AlertPolicy\nmetadata: {name: critical}\n" +
			"spec:\n  match: {all: true}\n  notify: [{channel: chta}]",
	},
	{
		Name: "unknown-dependency", Severity: crontopus.SeverityWarning,
		Summary: "a job in `dependsOn` that no manifest names", folder: unknownDependencies,
		Why: "Nothing is ever suppressed by a job that does not exist. Where it is another repository's, say so with " +
			"`# crontopus: allow unknown-dependency`. The rule speaks when a whole folder is read.",
		Example: "# while there is no job snapshto\nmonitor: {dependsOn: [snapshto]}",
	},
	{
		Name: "unknown-rule", Severity: crontopus.SeverityWarning,
		Summary: "a comment that allows a rule which does not exist", comments: unknownRules,
		Why: "The comment allows nothing: what it was written for is warned of, or will be. Names of rules are separated by commas; a reason goes " +
			"into a comment of its own.",
		Example: "# crontopus: allow no-timeuot",
	},
}
