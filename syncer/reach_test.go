package syncer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/gittest"
)

// limit bounds the first source.
func (h *house) limit(limits crontopus.SourceLimits) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sources[sourceID].Limits = limits
}

// placed are the problems of the newest sync, as file:line:column and pointer.
func (h *house) placed(t testing.TB) map[string]string {
	t.Helper()
	placed := map[string]string{}
	for _, p := range h.lastSync(t).Problems {
		require.Equal(t, "beyond_limit", p.Code)
		require.Contains(t, p.Hint, "crontopus sources limit name-of-src-1", "who can widen it")
		place, _, _ := strings.Cut(p.String(), ": ")
		placed[place+" "+p.Path] = p.Message
	}
	return placed
}

func TestARevisionBeyondTheLimitsIsRefusedWithEveryPlace(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01")
	h.limit(crontopus.SourceLimits{Namespaces: []string{"team-*"}, Labels: map[string]string{"role": "db"}, Users: []string{"backup"}})
	h.repo.Commit(t, "beyond", map[string]string{
		"jobs/a.yaml": `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: within, namespace: team-a}
spec:
  schedule: "0 0 29 2 *"
  target: {labels: {role: db, zone: a}}
  run: {command: [/bin/true], user: backup}
---
apiVersion: crontopus.dev/v1
kind: Job
metadata:
  name: beyond
  namespace: production
spec:
  schedule: "0 0 29 2 *"
  target:
    all: true
  run:
    command: [/bin/true]
    user: root
  suspend: true
`,
		"jobs/b.yaml": manifestFor("b", "one", "{agents: [db-01]}"),
	})
	status := h.sync(t, sourceID)
	requireState(t, "false ValidationFailed", status)
	require.Empty(t, h.jobs(sourceID), "nothing is applied")
	require.Equal(t, map[string]string{
		"jobs/a.yaml:13:14 /metadata/namespace": "the namespace is production, and the source name-of-src-1 is limited to namespaces team-*",
		"jobs/a.yaml:16:3 /spec/target":         "the target does not name every label that it must, and the source name-of-src-1 is limited to targets with labels role=db",
		"jobs/a.yaml:20:11 /spec/run/user":      "the job runs as root, and the source name-of-src-1 is limited to users backup",
		"jobs/b.yaml:5:14 /metadata/namespace":  "the namespace is test, and the source name-of-src-1 is limited to namespaces team-*",
		"jobs/b.yaml:8:3 /spec/target":          "the target does not name every label that it must, and the source name-of-src-1 is limited to targets with labels role=db",
		"jobs/b.yaml:9:3 /spec/run/user":        "the job names no user, and the source name-of-src-1 is limited to users backup",
	}, h.placed(t))

	h.limit(crontopus.SourceLimits{})
	requireState(t, "true Synced", h.sync(t, sourceID))
	require.Len(t, h.jobs(sourceID), 3)
}

func TestANarrowerLimitLeavesWhatIsInForce(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "good", map[string]string{"a.yaml": manifest("a", "one")})
	good := h.sync(t, sourceID).LastAppliedRevision
	h.limit(crontopus.SourceLimits{Namespaces: []string{"team-*"}})

	status := h.sync(t, sourceID)
	requireState(t, "false ValidationFailed", status)
	require.Equal(t, good, status.LastAppliedRevision)
	require.Len(t, h.jobs(sourceID), 1)
	require.NotEmpty(t, h.placed(t))
	for range 2 { // and a poll that finds the same commit says the same
		h.poll(t, sourceID)
		requireState(t, "false ValidationFailed", h.status(sourceID))
	}

	t.Run("until it is widened", func(t *testing.T) {
		h.limit(crontopus.SourceLimits{Namespaces: []string{"team-*", "te?t"}})
		requireState(t, "true Synced", h.sync(t, sourceID))
	})
	t.Run("or a revision is within", func(t *testing.T) {
		h.limit(crontopus.SourceLimits{Users: []string{"backup"}})
		requireState(t, "false ValidationFailed", h.sync(t, sourceID))
		h.repo.Commit(t, "within", map[string]string{"a.yaml": manifest("a", "one") + "    user: backup\n"})
		requireState(t, "true Synced", h.sync(t, sourceID))
	})
}

func TestASourceHasAtMostSoManyEntries(t *testing.T) {
	h := newHouse(t)
	h.addAgent("db", "db-01", "db-02")
	h.limit(crontopus.SourceLimits{MaxEntries: 3})
	h.repo.Commit(t, "two", map[string]string{"a.yaml": manifestFor("a", "one", "{labels: {role: db}}"), "z.yaml": manifestFor("z", "one", "{agents: [db-01]}")})
	requireState(t, "true Synced", h.sync(t, sourceID))

	h.repo.Commit(t, "one more", map[string]string{"b.yaml": manifestFor("b", "one", "{agents: [db-02]}")})
	message := requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Len(t, h.jobs(sourceID), 2)
	require.Equal(t, map[string]string{
		"z.yaml:8:3 /spec/target": "with this job the source's jobs come to 4 entries on today's hosts, and the source name-of-src-1 is limited to 3 entries",
	}, h.placed(t), message)
	h.repo.Commit(t, "not yet", map[string]string{"b.yaml": manifestFor("b", "one", "{agents: [db-02]}") + "  suspend: true\n"})
	requireState(t, "true Synced", h.sync(t, sourceID))

	h.addAgent("db", "db-03")
	h.poll(t, sourceID)
	requireState(t, "false ValidationFailed", h.status(sourceID))
	require.Contains(t, h.placed(t), "z.yaml:8:3 /spec/target", "hosts that came since count, as soon as anybody looks")
	require.Len(t, h.jobs(sourceID), 3, "and get the jobs in force")
	h.mu.Lock()
	gone := time.Now()
	h.agents[2].RevokedAt = &gone
	h.mu.Unlock()
	h.poll(t, sourceID)
	requireState(t, "true Synced", h.status(sourceID))
}

func TestLimitsThatChangeDuringASync(t *testing.T) {
	h := newHouse(t)
	h.repo.Commit(t, "good", map[string]string{"a.yaml": manifest("a", "one")})
	changed := false
	h.mu.Lock()
	h.fault = func(call string) error {
		if call == "finish" && !changed {
			changed = true
			h.sources[sourceID].Limits = crontopus.SourceLimits{Namespaces: []string{"team-*"}}
			return conflict()
		}
		return nil
	}
	h.mu.Unlock()
	requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Empty(t, h.jobs(sourceID), "what was read under other limits is judged again")
}

func TestAJobBelongsToTheSourceThatNamedItFirst(t *testing.T) {
	h := newHouse(t)
	h.addSource("src-2", h.server.URL, "second")
	h.mu.Lock()
	h.sources[sourceID].Path = "first"
	h.mu.Unlock()
	h.repo.Commit(t, "one name", map[string]string{"first/mine.yaml": manifest("backup", "one"), "second/theirs.yaml": "\n" + manifest("backup", "two")})
	requireState(t, "true Synced", h.sync(t, sourceID))

	message := requireState(t, "false ValidationFailed", h.sync(t, "src-2"))
	require.Equal(t, "second/theirs.yaml:5:9: the job test/backup belongs to the source name-of-src-1, which has it in first/mine.yaml:4", message)
	require.Empty(t, h.jobs("src-2"))
	h.repo.Commit(t, "let go", map[string]string{"first/mine.yaml": gittest.Delete, "first/other.yaml": manifest("other", "one")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	requireState(t, "true Synced", h.sync(t, "src-2"))
}
