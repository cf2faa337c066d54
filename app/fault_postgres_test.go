package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/badnet"
	"crontopus.dev/crontopus/internal/pgtest"
)

// One server lives through everything that can happen to its PostgreSQL and the network to it.
func TestAPostgreSQLThatHasAccidents(t *testing.T) {
	cluster := pgtest.New(t)
	link := badnet.New(t, cluster.Address())
	database, err := cluster.Database()
	require.NoError(t, err)
	o := options(t)
	o.Database = link.Through(t, database)
	w := newWard(t, o)

	spoil := func(toxic string, attributes map[string]any) func(*testing.T) {
		return func(t *testing.T) { link.Spoil(t, toxic, badnet.FromServer, attributes) }
	}
	mend := func(t *testing.T) { link.Mend(t) }
	terminate := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crontopus'"
	for name, what := range map[string]accident{
		"the network is cut":                {begin: func(*testing.T) { link.Cut() }, end: mend},
		"the network is silent":             {begin: spoil("timeout", nil), end: mend},
		"connections are reset":             {begin: spoil("reset_peer", nil), end: mend},
		"every answer takes 2.5 s":          {begin: spoil("latency", map[string]any{"latency": 2500}), end: mend},
		"every answer takes 50 ms":          {begin: spoil("latency", map[string]any{"latency": 50}), end: mend, mild: true},
		"one KiB a second":                  {begin: spoil("bandwidth", map[string]any{"rate": 1}), end: mend, mild: true},
		"it is shut down and started again": {begin: func(t *testing.T) { cluster.Down(t, pgtest.Fast) }, end: func(t *testing.T) { cluster.Up(t) }},
		"it crashes and is started again":   {begin: func(t *testing.T) { cluster.Down(t, pgtest.Immediate) }, end: func(t *testing.T) { cluster.Up(t) }},
		"it became a copy that only reads": {begin: func(t *testing.T) {
			cluster.Down(t, pgtest.Fast)
			cluster.Standby(t)
			cluster.Up(t)
		}, end: func(t *testing.T) { cluster.SQL(t, database, "SELECT pg_promote()") }},
		"every connection is taken": {
			begin: func(t *testing.T) { cluster.SQL(t, database, "ALTER ROLE crontopus CONNECTION LIMIT 0", terminate) },
			end:   func(t *testing.T) { cluster.SQL(t, database, "ALTER ROLE crontopus CONNECTION LIMIT -1") },
		},
		"its connections are terminated": {begin: func(t *testing.T) { cluster.SQL(t, database, terminate) }, end: func(*testing.T) {}, mild: true},
		"the role may not log in": {
			begin: func(t *testing.T) { cluster.SQL(t, database, "ALTER ROLE crontopus NOLOGIN", terminate) },
			end:   func(t *testing.T) { cluster.SQL(t, database, "ALTER ROLE crontopus LOGIN") },
		},
	} {
		t.Run(name, func(t *testing.T) { w.survives(t, what) })
	}
}
