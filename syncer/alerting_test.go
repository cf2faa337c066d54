package syncer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// policy is an AlertPolicy of the namespace team-a with a match.
func policy(name, match string) string {
	return fmt.Sprintf(`apiVersion: crontopus.dev/v1
kind: AlertPolicy
metadata: {name: %s, namespace: team-a}
spec:
  match: %s
  notify: [{channel: chat}]
`, name, match)
}

// toChannels is an AlertPolicy of the namespace team-a that tells channels of its jobs.
func toChannels(names ...string) string {
	return strings.Replace(policy("p", "{jobs: [backup]}"), "{channel: chat}", "{channel: "+strings.Join(names, "}, {channel: ")+"}", 1)
}

// chat is a NotificationChannel of the namespace team-a.
func chat(name, spec string) string {
	return fmt.Sprintf(`apiVersion: crontopus.dev/v1
kind: NotificationChannel
metadata: {name: %s, namespace: team-a}
spec: {type: slack, %s}
`, name, spec)
}

// One team must not silence another, nor take what it is told or its secrets.
func TestAlertingBeyondTheLimitsIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ manifest, pointer, says string }{
		"all":                {policy("p", "{all: true}"), "/spec/match/all", "all is every namespace, every agent and every source"},
		"another namespace":  {policy("p", "{namespaces: [team-b, production]}"), "/spec/match/namespaces/1", "the match is about the namespace production"},
		"sources":            {policy("p", "{sources: [ops]}"), "/spec/match/sources", "sources are in no namespace"},
		"agents":             {policy("p", "{agents: [db-01]}"), "/spec/match/agents", "agents are in no namespace"},
		"labels alone":       {policy("p", "{labels: {tier: critical}}"), "/spec/match/labels", "labels alone match agents, too"},
		"a default channel":  {chat("c", `default: true, slack: {url: "secret:team-a.chat"}`), "/spec/default", "told of everything that no policy matches"},
		"everybody's secret": {chat("c", `slack: {url: "secret:chat"}`), "/spec/slack", "the secret chat is not one of the namespace, such as team-a.NAME"},
		"another team's":     {chat("c", `slack: {url: "secret:team-b.chat"}`), "/spec/slack", "the secret team-b.chat is not one of the namespace"},
		"another's channel":  {toChannels("chat", "ops/pager"), "/spec/notify/1/channel", "the channel ops/pager is another team's"},
		"a sister's channel": {toChannels("chat", "team-b/pager"), "", ""},
		"its own":            {chat("c", `slack: {url: "secret:team-a.chat"}`), "", ""},
		"its jobs":           {policy("p", "{namespaces: [team-a], labels: {tier: critical}}"), "", ""},
		"its jobs by name":   {policy("p", "{jobs: [backup]}"), "", ""},
		"its jobs on a host": {policy("p", "{namespaces: [team-a], agents: [db-01]}"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.limit(crontopus.SourceLimits{Namespaces: []string{"team-*"}})
			h.repo.Commit(t, name, map[string]string{"jobs/alerting.yaml": c.manifest})
			if c.pointer == "" {
				requireState(t, "true Synced", h.sync(t, sourceID))
				return
			}
			requireState(t, "false ValidationFailed", h.sync(t, sourceID))
			placed := h.placed(t)
			require.Len(t, placed, 1)
			for place, message := range placed {
				require.Contains(t, place, c.pointer)
				require.Contains(t, message, c.says)
			}
		})
	}
}

func TestAPolicyBelongsToTheSourceThatNamedItFirst(t *testing.T) {
	h := newHouse(t)
	h.addSource("src-2", h.server.URL, "second")
	h.mu.Lock()
	h.sources[sourceID].Path = "first"
	h.mu.Unlock()
	mine, theirs := policy("critical", "{all: true}"), "\n"+policy("critical", "{jobs: [x]}")
	h.repo.Commit(t, "one name", map[string]string{"first/mine.yaml": mine, "second/theirs.yaml": theirs})
	requireState(t, "true Synced", h.sync(t, sourceID))
	message := requireState(t, "false ValidationFailed", h.sync(t, "src-2"))
	require.Contains(t, message, "the AlertPolicy team-a/critical belongs to the source name-of-src-1, which has it in first/mine.yaml:")
	h.repo.Commit(t, "let go", map[string]string{"first/mine.yaml": policy("other", "{all: true}")})
	requireState(t, "true Synced", h.sync(t, sourceID))
	requireState(t, "true Synced", h.sync(t, "src-2"))
}
