package docs_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/api"
)

// commandOf has the command that a person gives for each operation that a role may use.
var commandOf = map[string]string{
	"get-status": "status", "whoami": "auth whoami", "list-alerting": "diff --server",
	"list-jobs": "jobs list", "get-job": "jobs get", "rotate-ping": "jobs rotate-ping",
	"list-runs": "runs list", "get-run": "runs get", "tail-runs": "runs tail",
	"list-incidents": "incidents list", "get-incident": "incidents get", "acknowledge-incident": "incidents ack",
	"snooze-incident": "incidents snooze", "comment-incident": "incidents comment", "resolve-incident": "incidents resolve",
	"list-silences": "silences list", "create-silence": "silences add", "end-silence": "silences end",
	"list-channels": "channels list", "test-channel": "channels test",
	"list-secrets": "secrets list", "set-secret": "secrets set", "delete-secret": "secrets delete",
	"list-ping-keys": "pingkeys list", "create-ping-key": "pingkeys create", "revoke-ping-key": "pingkeys revoke",
	"list-badges": "badges list", "create-badge": "badges add", "rotate-badge": "badges rotate", "remove-badge": "badges remove",
	"list-agents": "agents list", "get-agent": "agents get", "list-agent-jobs": "agents get",
	"create-enrollment-token": "agents enroll", "revoke-agent": "agents revoke",
	"list-sources": "sources list", "get-source": "sources get", "list-syncs": "sources get", "get-sync": "sources get",
	"sync-source": "sources sync", "approve-source": "sources approve", "pin-source": "sources pin", "unpin-source": "sources unpin",
	"rollback-source": "sources rollback", "suspend-source": "sources suspend", "resume-source": "sources resume",
	"add-source": "sources add", "limit-source": "sources limit", "change-source-credentials": "sources credentials", "remove-source": "sources remove",
	"list-api-keys": "api-keys list", "create-api-key": "api-keys create", "revoke-api-key": "api-keys revoke",
}

// TestWhoMayDoWhatIsWhatTheRoutesDeclare compares the table in operations.md with the API.
func TestWhoMayDoWhatIsWhatTheRoutesDeclare(t *testing.T) {
	t.Parallel()
	raw, err := api.OpenAPI()
	require.NoError(t, err)
	var described struct {
		Paths map[string]map[string]struct {
			ID         string `yaml:"operationId"`
			Permission string `yaml:"x-crontopus-permission"`
		} `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &described))
	declared := map[string]string{}
	for _, operations := range described.Paths {
		for _, op := range operations {
			if slices.Contains(roles, op.Permission) {
				require.Contains(t, commandOf, op.ID, "say here which command it is of, and in operations.md who may use it")
				declared[commandOf[op.ID]] = op.Permission
			}
		}
	}
	require.Equal(t, declared, toldRoles(t))
	require.Len(t, declared, len(slices.Compact(slices.Sorted(maps.Values(commandOf)))), "an operation that is not there any more")
}

var roles = []string{"viewer", "operator", "admin"}

// toldRoles reads the table: the command, and the role above it.
func toldRoles(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("operations.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(data), "\n| | viewer | operator | admin |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	told := map[string]string{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		for i, role := range roles {
			for _, command := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[i+2], -1) {
				told[command[1]] = role
			}
		}
	}
	return told
}
