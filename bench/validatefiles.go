package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// author writes manifests as a large repository has them: by many people, in block and in
// flow style, with and without comments, quotes, scripts and lists. The same seed writes the
// same files.
type author struct{ *rand.Rand }

func newAuthor(seed uint64) author { return author{rand.New(rand.NewPCG(seed, 25))} }

// writeFiles writes n manifests into folders by team, and returns how many lines they have.
func (a author) writeFiles(dir string, n int) (lines int, err error) {
	for i := range n {
		team := a.pick(teams)
		name := fmt.Sprintf("%s-%s-%05d", a.pick(verbs), a.pick(things), i)
		text := a.manifest(team, name)
		lines += strings.Count(text, "\n")
		file := filepath.Join(dir, team, a.pick(folders), name+".yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return 0, err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	return lines, nil
}

var (
	teams   = []string{"platform", "payments", "search", "data-warehouse", "identity", "mobile", "logistics", "support"}
	folders = []string{"backup", "reports", "cleanup", "sync", "."}
	verbs   = []string{"dump", "sync", "rotate", "export", "prune", "verify", "reindex", "notify", "archive", "import"}
	things  = []string{"orders", "invoices", "sessions", "events", "thumbnails", "ledger", "mailbox", "certificates", "metrics", "cache"}
	roles   = []string{"db", "web", "worker", "storage", "edge", "build"}
	zones   = []string{"UTC", "Europe/Helsinki", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo"}
	times   = []string{"%d 4 * * *", "%d */2 * * *", "%d 6 * * 1-5", "%d 7,19 * * *", "%d 5 1 * *", "%d 12 1,15 * *", "H %d * * *", "%d 6 L * *", "%d 9 * * mon#1"}
	words   = strings.Fields("the nightly dump of every table that changed since yesterday goes to cold storage; ask the team before you touch it, " +
		"restores are rehearsed each quarter and the runbook says how long one takes (about an hour)")
)

func (a author) pick(list []string) string { return list[a.IntN(len(list))] }

// chance is true so many times in a hundred.
func (a author) chance(percent int) bool { return a.IntN(100) < percent }

// sentence is a run of words, sometimes with a colon or an apostrophe that wants quotes.
func (a author) sentence() string {
	from := a.IntN(len(words) - 4)
	text := strings.Join(words[from:from+4+a.IntN(min(8, len(words)-from-4)+1)], " ")
	switch {
	case a.chance(10):
		return fmt.Sprintf("%q", "note: "+text)
	case a.chance(10):
		return "'it''s " + text + "'"
	}
	return text
}

func (a author) manifest(team, name string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if a.chance(50) {
		line("# yaml-language-server: $schema=https://crontopus.dev/schema/v1/manifest.json")
	}
	if a.chance(20) {
		line("---")
	}
	line("apiVersion: crontopus.dev/v1")
	line("kind: Job")
	line("metadata:")
	line("  name: %s", name)
	line("  namespace: %s", team)
	line("  description: %s", a.sentence())
	a.texts(line, "  ", "labels", map[string]string{"team": team, "tier": a.pick([]string{"critical", "standard", `"1"`})})
	if a.chance(50) {
		a.texts(line, "  ", "annotations", map[string]string{"runbook": "https://wiki.example.com/" + name, "owner": a.pick(teams) + "@example.com"})
	}
	if a.chance(15) {
		line("")
	}
	line("spec:")
	if a.chance(40) {
		line("  # %s", strings.Trim(a.sentence(), `"'`))
	}
	a.schedule(line)
	if a.chance(80) {
		line("  timezone: %s", a.pick(zones))
	}
	a.target(line)
	a.run(line, name)
	if a.chance(40) {
		line("  monitor:")
		line("    grace: %dm", 5+a.IntN(50))
		line("    maxDuration: %dh", 1+a.IntN(9))
	}
	if a.chance(10) {
		line("  suspend: %t", a.chance(50))
	}
	return b.String()
}

// texts writes a mapping of texts in one of two styles.
func (a author) texts(line func(string, ...any), indent, field string, values map[string]string) {
	var pairs []string
	for _, key := range []string{"team", "tier", "runbook", "owner", "role", "region", "TARGET", "LANG", "PGHOST", "DB_PASSWORD"} {
		if value, ok := values[key]; ok {
			pairs = append(pairs, key+": "+value)
		}
	}
	if a.chance(45) {
		line("%s%s: {%s}", indent, field, strings.Join(pairs, ", "))
		return
	}
	line("%s%s:", indent, field)
	for _, pair := range pairs {
		line("%s  %s", indent, pair)
	}
}

func (a author) schedule(line func(string, ...any)) {
	one := func() string { return fmt.Sprintf(a.pick(times), a.IntN(24)) }
	switch {
	case a.chance(10):
		line("  schedule:")
		line("    - %q", one())
		line("    - '%d 23 * * 6'", 30+a.IntN(30))
	case a.chance(15):
		line("  schedule: %q", a.pick([]string{"@daily", "@hourly", "@weekly"}))
	default:
		line("  schedule: %q", one())
	}
}

func (a author) target(line func(string, ...any)) {
	switch {
	case a.chance(70):
		line("  target:")
		a.texts(line, "    ", "labels", map[string]string{"role": a.pick(roles), "region": a.pick([]string{"eu-west-1", "us-east-2", "ap-south-1"})})
	case a.chance(80):
		line("  target: {agents: [%s-%02d, %s-%02d]}", a.pick(roles), a.IntN(40), a.pick(teams), a.IntN(40))
	default:
		line("  target: {all: true}")
	}
}

func (a author) run(line func(string, ...any), name string) {
	line("  run:")
	switch {
	case a.chance(25):
		line("    script: |")
		line("      set -eu")
		line("      cd /srv/%s # where it was last time", name)
		line("      find . -name '*.tmp' -mtime +%d -delete | tee \"log-$(date +%%F)\"", 1+a.IntN(30))
	case a.chance(50):
		line("    command: [/usr/local/bin/%s, --since, %dd, \"--label=%s: nightly\"]", name[:5], 1+a.IntN(9), name)
	default:
		line("    command:")
		line("      - /opt/%s/bin/run", name)
		line("      - --verbose")
		line("      - --keep=%d", a.IntN(60))
	}
	if a.chance(80) {
		line("    user: %s", a.pick([]string{"backup", "app", "www-data"}))
	}
	if a.chance(20) {
		line("    workingDirectory: /srv/%s", name)
	}
	if a.chance(40) {
		a.texts(line, "    ", "environment", map[string]string{"TARGET": "s3://bucket/" + name, "LANG": "C.UTF-8", "PGHOST": `"10.0.0.` + fmt.Sprint(a.IntN(250)) + `"`})
	}
	if a.chance(25) {
		line("    secrets: {DB_PASSWORD: \"file:/etc/crontopus/secrets/%s\"}", name)
	}
	if !a.chance(2) { // a few are warned of
		line("    timeout: %dm", 5+a.IntN(90))
	}
	if a.chance(30) {
		line("    concurrency: %s", a.pick([]string{"forbid", "replace"}))
	}
	if a.chance(30) {
		line("    retries: {limit: %d, backoff: 30s, maxBackoff: 10m}", 1+a.IntN(5))
	}
	if a.chance(60) {
		line("    splay: %ds # spread", 30+a.IntN(300))
	}
	if a.chance(20) {
		line("    successExitCodes: [0, %d]", 1+a.IntN(9))
	}
	if a.chance(25) {
		line("    captureOutput: %dKiB", 1+a.IntN(64))
	}
}
