package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
)

// listener is what a server hears.
type listener struct {
	t     testing.TB
	heard chan store.Change
}

// listen lets s hear until the test ends, and returns once it does: when it has looked for
// what it missed before.
func listen(t testing.TB, s *store.Store) listener {
	return listenAndLog(t, s, slog.DiscardHandler)
}

func listenAndLog(t testing.TB, s *store.Store, log slog.Handler) listener {
	l := listener{t, make(chan store.Change, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.SystemListen(ctx, slog.New(log), func(c store.Change) { l.heard <- c })
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	l.caughtUp()
	return l
}

// said is a log of which a test reads the messages.
type said struct {
	slog.Handler
	lines chan string
}

func (s said) Enabled(context.Context, slog.Level) bool { return true }
func (s said) Handle(_ context.Context, r slog.Record) error {
	s.lines <- r.Message
	return nil
}

// next returns what is heard next.
func (l listener) next() store.Change {
	l.t.Helper()
	select {
	case c := <-l.heard:
		return c
	case <-time.After(20 * time.Second):
		l.t.Fatal("nothing was heard")
		return store.Change{}
	}
}

// caughtUp waits until a listener has looked for what it may have missed, and returns the
// agents that it found changed.
func (l listener) caughtUp() (agents []string) {
	l.t.Helper()
	for {
		switch c := l.next(); c.Kind {
		case store.ChangedAgents:
			agents = append(agents, c.Agents...)
		case store.ChangedSources: // the last that it tells
			return agents
		}
	}
}

// agentsOf hears until that many agents were named.
func (l listener) agentsOf(n int) (ids []string) {
	l.t.Helper()
	for len(ids) < n {
		if c := l.next(); c.Kind == store.ChangedAgents {
			ids = append(ids, c.Agents...)
		}
	}
	return ids
}

func enrolledIn(t testing.TB, s *store.Store, tenant crontopus.TenantID, ids ...string) {
	now := time.Now()
	secret := [32]byte{byte(len(ids)), ids[0][0]}
	require.NoError(t, s.CreateEnrollmentToken(t.Context(), tenant, "test", crontopus.EnrollmentToken{ID: "of " + ids[0], Uses: len(ids), ExpiresAt: now.Add(time.Hour)}, secret))
	for _, id := range ids {
		_, err := s.SystemEnroll(t.Context(), secret, crontopus.Agent{ID: id, PublicKey: []byte(id), Facts: map[string]string{}}, now)
		require.NoError(t, err)
	}
}

func bundleOf(tenant crontopus.TenantID, id string, number int64) crontopus.Publication {
	return crontopus.Publication{Tenant: tenant, AgentID: id, Generation: crontopus.Generation{Epoch: 1, Number: number},
		JobsDigest: fmt.Sprint(number), Envelope: []byte("{}"), Issued: time.Now(), Expires: time.Now().Add(time.Hour)}
}

func TestPostgresTellsOtherServersWhatChanges(t *testing.T) {
	url := pgtest.Database(t)
	here, there := openURL(t, url), openURL(t, url)
	const tenant = crontopus.DefaultTenant
	enrolledIn(t, here, tenant, "a")
	require.NoError(t, here.CreateSource(t.Context(), tenant, "test", crontopus.Source{ID: "s", Name: "ops"}, crontopus.SourceSecrets{}))
	self, other := listen(t, here), listen(t, there)
	agent := store.Change{Kind: store.ChangedAgents, Tenant: tenant, Agents: []string{"a"}}
	marks, sources := store.Change{Kind: store.ChangedMarks}, store.Change{Kind: store.ChangedSources}
	for _, c := range []struct {
		situation string
		change    func(context.Context) error
		heard     []store.Change
	}{
		{"a bundle is published", func(ctx context.Context) error {
			return here.CommitPublications(ctx, tenant, 0, []crontopus.Publication{bundleOf(tenant, "a", 1)}, nil)
		}, []store.Change{agent}},
		{"an agent's key is another", func(ctx context.Context) error {
			return here.RotateAgentKey(ctx, tenant, "test", "a", []byte("a"), []byte("b"))
		}, []store.Change{agent}},
		{"a sync is asked for", func(ctx context.Context) error {
			return here.RequestSync(ctx, tenant, "test", "ops", time.Now())
		}, []store.Change{sources}},
		{"a webhook came", func(ctx context.Context) error {
			return here.SystemRequestSync(ctx, "s", crontopus.TriggerWebhook, time.Now().Add(time.Second)) // asked for already
		}, nil},
		{"a source is added", func(ctx context.Context) error {
			return here.CreateSource(ctx, tenant, "test", crontopus.Source{ID: "s2", Name: "more"}, crontopus.SourceSecrets{})
		}, []store.Change{sources}},
		{"a name is taken, so nothing happens", func(ctx context.Context) error {
			require.Error(t, here.CreateSource(ctx, tenant, "test", crontopus.Source{ID: "s3", Name: "more"}, crontopus.SourceSecrets{}))
			return nil
		}, nil},
		{"a new epoch", func(ctx context.Context) error {
			_, err := here.SystemRaiseEpoch(ctx, time.Now())
			return err
		}, []store.Change{marks}},
		{"an agent is revoked", func(ctx context.Context) error {
			_, err := here.RevokeAgent(ctx, tenant, "test", "a", time.Now())
			return err
		}, []store.Change{marks, agent}},
		{"nobody is left to mark", here.SystemMarkAll, []store.Change{marks}},
	} {
		require.NoError(t, c.change(t.Context()), c.situation)
		for _, want := range c.heard {
			require.Equal(t, want, other.next(), c.situation)
		}
	}
	require.Empty(t, other.heard)
	require.Empty(t, self.heard, "a server knows what it did")
}

func TestPostgresNamesManyAgentsInManyNotifications(t *testing.T) {
	url := pgtest.Database(t)
	here, there := openURL(t, url), openURL(t, url)
	const tenant = crontopus.DefaultTenant
	var ids, long []string
	var pubs, longPubs []crontopus.Publication
	for i := range 230 {
		ids = append(ids, fmt.Sprintf("00000000-0000-7000-8000-%012d", i))
		pubs = append(pubs, bundleOf(tenant, ids[i], 1))
	}
	for i := range 100 {
		long = append(long, fmt.Sprintf("long-%03d-%s", i, strings.Repeat("x", 90)))
		longPubs = append(longPubs, bundleOf(tenant, long[i], 1))
	}
	enrolledIn(t, here, tenant, ids...)
	enrolledIn(t, here, tenant, long...)
	other := listen(t, there)
	require.NoError(t, here.CommitPublications(t.Context(), tenant, 0, pubs, nil))
	require.ElementsMatch(t, ids, other.agentsOf(len(ids)))
	require.NoError(t, here.CommitPublications(t.Context(), tenant, 0, longPubs, nil))
	require.Equal(t, store.Change{Kind: store.ChangedAgents, Tenant: tenant}, other.next(), "too long to be named")
}

// A connection that is lost is made again, and what happened meanwhile is found.
func TestPostgresChangesThatNobodyToldAreFound(t *testing.T) {
	url := pgtest.Database(t)
	here, there := openURL(t, url), openURL(t, url)
	const tenant = crontopus.DefaultTenant
	enrolledIn(t, here, tenant, "published", "revoked", "rotated", "left alone")
	log := said{slog.DiscardHandler, make(chan string, 1000)}
	other := listenAndLog(t, there, log)

	// In one transaction with the end of the connection, so that no notification gets through.
	pgtest.SQL(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+pgtest.Name(t, url)+"' AND query LIKE 'LISTEN%'")
	require.NoError(t, here.CommitPublications(t.Context(), tenant, 0, []crontopus.Publication{bundleOf(tenant, "published", 1)}, nil))
	_, err := here.RevokeAgent(t.Context(), tenant, "test", "revoked", time.Now())
	require.NoError(t, err)
	require.NoError(t, here.RotateAgentKey(t.Context(), tenant, "test", "rotated", []byte("rotated"), []byte("other")))
	require.Subset(t, []string{"published", "revoked", "rotated"}, other.agentsOf(3))
	begin := time.Now()
	_, err = here.RevokeAgent(t.Context(), tenant, "test", "left alone", begin)
	require.NoError(t, err)
	for {
		if c := other.next(); len(c.Agents) == 1 && c.Agents[0] == "left alone" {
			break
		}
	}
	require.Less(t, time.Since(begin), time.Second, "it hears again")
	require.Equal(t, "hearing what other servers change failed", <-log.lines)
	require.Equal(t, "what other servers change is heard again", <-log.lines, "and says so")
}

// While no connection can be had to listen on, the database is asked.
func TestPostgresIsAskedWhileItCannotTell(t *testing.T) {
	url := pgtest.Database(t)
	here, there := openURL(t, url), openURL(t, url)
	const tenant = crontopus.DefaultTenant
	enrolledIn(t, here, tenant, "a", "b")
	l := listener{t, make(chan store.Change, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, there.Ping(t.Context())) // a connection of the pool, from before
	limit := "ALTER ROLE " + pgtest.Role + " CONNECTION LIMIT "
	pgtest.SQL(t, url, limit+"1")
	t.Cleanup(func() { pgtest.SQL(t, url, limit+"-1") })
	ended := make(chan error, 1)
	go func() {
		ended <- there.SystemListen(ctx, slog.New(slog.DiscardHandler), func(c store.Change) { l.heard <- c })
	}()
	require.ElementsMatch(t, []string{"a", "b"}, l.caughtUp())
	_, err := here.RevokeAgent(t.Context(), tenant, "test", "b", time.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, l.agentsOf(1))
	cancel()
	require.NoError(t, <-ended)
}

// Whoever may connect to the database can say anything on the channel.
func TestPostgresNoiseIsNotHeard(t *testing.T) {
	url := pgtest.Database(t)
	here, there := openURL(t, url), openURL(t, url)
	enrolledIn(t, here, crontopus.DefaultTenant, "a")
	other := listen(t, there)
	channel := "'crontopus_' || md5('" + pgtest.Name(t, url) + "')"
	for _, noise := range []string{"", "{", "null", "[]", "agents", `{"kind": 1}`, `{"kind": "of a newer version"}`, `{"kind": "agents", "agents": "a"}`, strings.Repeat("x", 7999)} {
		pgtest.SQL(t, url, "SELECT pg_notify("+channel+", '"+noise+"')")
	}
	pgtest.SQL(t, url, "SELECT pg_notify("+channel+`, '{"kind": "agents", "agents": ["a"]}')`)
	require.Equal(t, store.Change{Kind: store.ChangedAgents, Agents: []string{"a"}}, other.next(), "a hint costs a query, whoever gives it")
	require.Empty(t, other.heard)
}

func TestSQLiteHasNobodyToHear(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "crontopus.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.SystemListen(ctx, slog.New(slog.DiscardHandler), func(store.Change) { t.Error("something was heard") }))
}
