package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/pgtest"
)

// copyKeys gives a server the keys of another, all but the recovery key, which belongs offline.
func copyKeys(t *testing.T, from, to app.Options) {
	t.Helper()
	dir := filepath.Join(to.Data, "keys")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for _, name := range []string{"box.key", "keyset.json", "recovery.pub", "signing.pem"} {
		copyFile(t, filepath.Join(from.Data, "keys", name), filepath.Join(dir, name))
	}
}

// replicas starts servers on one new database, each with a data folder of its own.
func replicas(t *testing.T, n int) (servers []*running) {
	t.Helper()
	database := pgtest.Database(t)
	var first app.Options
	for i := range n {
		o := options(t)
		o.Database, o.DrainTimeout = database, time.Second
		if i == 0 {
			first = o
		} else {
			copyKeys(t, first, o)
		}
		a := open(t, o)
		stop := run(t, a)
		c, err := client.New(a.URL(), client.WithAPIKey(adminKey(t, first)))
		require.NoError(t, err)
		servers = append(servers, &running{Client: c, URL: a.URL(), stop: func() { require.NoError(t, stop()) }})
	}
	return servers
}

// elsewhere is the same agent, which asks another server.
func elsewhere(t *testing.T, host enrolledHost, server *running) *client.Client {
	t.Helper()
	c, err := client.New(server.URL, client.WithAgent(host.AgentID, host.InstallationID, host.AgentKey()))
	require.NoError(t, err)
	return c
}

// waits polls until there is another bundle than tag's, and sends what came of it.
func waits(t *testing.T, server *running, agent *client.Client, name, tag string) <-chan error {
	t.Helper()
	before, err := server.Agent(t.Context(), name)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, got, changed, err := agent.Bundle(t.Context(), tag, 50*time.Second, time.Time{})
		if err == nil && (!changed || got == tag) {
			err = crontopus.Errorf(crontopus.CodeInternal, "the poll ended with nothing new")
		}
		ended <- err
	}()
	// The server counts a poll as a sign of life before it waits.
	until(t, "the poll is there", func() bool {
		a, err := server.Agent(t.Context(), name)
		return err == nil && a.Status.LastSeenAt != nil && (before.Status.LastSeenAt == nil || a.Status.LastSeenAt.After(*before.Status.LastSeenAt))
	})
	return ended
}

func TestARevocationReachesAnAgentThatWaitsAtAnotherServer(t *testing.T) {
	t.Parallel()
	servers := replicas(t, 2)
	host := servers[0].enrolls(t, "db-01")
	tag := bundle(t, host.Client)
	ended := waits(t, servers[1], elsewhere(t, host, servers[1]), "db-01", tag)
	begin := time.Now()
	_, err := servers[0].RevokeAgent(t.Context(), "db-01")
	require.NoError(t, err)
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(<-ended))
	require.Less(t, time.Since(begin), time.Second)
}

// Whichever server syncs and publishes, agents wake at all of them.
func TestABundleReachesAgentsThatWaitAnywhere(t *testing.T) {
	t.Parallel()
	servers := replicas(t, 3)
	var polls []<-chan error
	for i, server := range servers {
		name := "db-0" + string(rune('1'+i))
		host := servers[0].enrolls(t, name)
		polls = append(polls, waits(t, server, elsewhere(t, host, server), name, bundle(t, host.Client)))
	}
	withJob(t, servers[1].Client)
	for _, ended := range polls {
		require.NoError(t, <-ended)
	}
}
