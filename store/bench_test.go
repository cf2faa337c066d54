package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/pgtest"
	"crontopus.dev/crontopus/store"
	"crontopus.dev/crontopus/store/storetest"
)

// callers is how many check in at once in the benchmarks, and wait for the answer.
const callers = 256

// BenchmarkRecordCheckIns is what bounds how many check-ins a server takes: finished runs,
// one a caller, each answered once it is committed. Its floor is a group commit of bare rows
// of the same size, by the same driver into the same database, which knows no runs.
func BenchmarkRecordCheckIns(b *testing.B) { onBoth(b, checkIns) }

// BenchmarkRecordPings is the same for pings, whose URL and open run are looked up.
func BenchmarkRecordPings(b *testing.B) { onBoth(b, pings) }

func onBoth(b *testing.B, what sent) {
	b.Run("SQLite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "crontopus.db")
		s := openAt(b, path)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		compare(b, s, bareSQLite(b, filepath.Join(b.TempDir(), "floor.db")), what)
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		url := pgtest.Database(b)
		pgtest.Durable(b)
		compare(b, openURL(b, url), barePostgres(b, url), what)
	})
}

// sent is what one caller sends, of the size of output, and waits for.
type sent func(b *testing.B, s *store.Store, r *store.Recorder, output []byte) func()

func checkIns(b *testing.B, _ *store.Store, r *store.Recorder, output []byte) func() {
	return func() {
		c := success(uuid.NewString())
		c.Output = output
		if results, err := r.RecordCheckIns(b.Context(), crontopus.DefaultTenant, "", []crontopus.CheckIn{c}); err != nil || results[0] != nil {
			b.Error(err, results)
		}
	}
}

// pings are of jobs without an agent, to the URL of each in turn, and name no run.
func pings(b *testing.B, s *store.Store, r *store.Recorder, output []byte) func() {
	jobs := storetest.PingJobs(b, s, crontopus.DefaultTenant, 2000)
	var next atomic.Int64
	return func() {
		of := jobs[int(next.Add(1))%len(jobs)]
		if err := r.RecordPing(b.Context(), crontopus.Ping{Tenant: crontopus.DefaultTenant, URL: of.URL, Unnamed: true,
			CheckIns: []crontopus.CheckIn{{Job: of.Job, Event: crontopus.EventSuccess, At: time.Now(), Output: output}}}); err != nil {
			b.Error(err)
		}
	}
}

// compare measures product and floor in turns, so that what else the machine does is shared.
func compare(b *testing.B, s *store.Store, commit func([]bareRow), what sent) {
	storetest.Furnish(b, s, crontopus.DefaultTenant)
	r := store.NewRecorder(s)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go func() { _ = r.Run(ctx) }()
	queue := make(chan bareRow, callers)
	defer close(queue)
	go bareRecorder(queue, commit)

	output := make([]byte, 200)
	product := what(b, s, r, output)
	floor := func() {
		row := bareRow{uuid.NewString(), time.Now().UnixMicro(), output, make(chan struct{})}
		queue <- row
		<-row.done
	}
	const turn = 20_000
	var took, bare, cpu time.Duration
	for b.Loop() {
		before := processCPU(b)
		took += together(turn, product)
		cpu += processCPU(b) - before
		bare += together(turn, floor)
	}
	rate := func(d time.Duration) float64 { return float64(b.N*turn) / d.Seconds() }
	b.ReportMetric(rate(took), "sent/s")
	b.ReportMetric(rate(bare), "floor/s")
	b.ReportMetric(rate(took)/rate(bare), "of-floor")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N*turn), "CPU-µs/sent") // without PostgreSQL's own
}

func processCPU(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// together lets the callers do something n times.
func together(n int64, do func()) time.Duration {
	began := time.Now()
	var left atomic.Int64
	left.Store(n)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				do()
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

// bareRow is what the floor commits.
type bareRow struct {
	id     string
	at     int64
	output []byte
	done   chan struct{}
}

// bareRecorder drains what is queued, at most 500 rows, and commits it.
func bareRecorder(queue <-chan bareRow, commit func([]bareRow)) {
	for first := range queue {
		batch := []bareRow{first}
		for len(batch) < 500 && len(queue) > 0 {
			batch = append(batch, <-queue)
		}
		commit(batch)
		for _, row := range batch {
			close(row.done)
		}
	}
}

func bareSQLite(b *testing.B, path string) func([]bareRow) {
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE bare (id TEXT PRIMARY KEY, at INTEGER, output BLOB)")
	require.NoError(b, err)
	const rows = 10 // a statement
	texts := make([]*sql.Stmt, rows+1)
	for n := 1; n <= rows; n++ {
		texts[n], err = db.Prepare("INSERT INTO bare VALUES " + strings.TrimSuffix(strings.Repeat("(?,?,?),", n), ","))
		require.NoError(b, err)
	}
	return func(batch []bareRow) {
		t, err := db.Begin()
		require.NoError(b, err)
		for len(batch) > 0 {
			n := min(rows, len(batch))
			var args []any
			for _, row := range batch[:n] {
				args = append(args, row.id, row.at, row.output)
			}
			_, err := t.Stmt(texts[n]).Exec(args...)
			require.NoError(b, err)
			batch = batch[n:]
		}
		require.NoError(b, t.Commit())
	}
}

func barePostgres(b *testing.B, url string) func([]bareRow) {
	pool, err := pgxpool.New(b.Context(), url)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = pool.Exec(b.Context(), "CREATE TABLE bare (id TEXT PRIMARY KEY, at BIGINT, output BYTEA)")
	require.NoError(b, err)
	return func(batch []bareRow) {
		ids, ats, outputs := make([]string, len(batch)), make([]int64, len(batch)), make([][]byte, len(batch))
		for i, row := range batch {
			ids[i], ats[i], outputs[i] = row.id, row.at, row.output
		}
		_, err := pool.Exec(b.Context(), "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])", ids, ats, outputs)
		require.NoError(b, err)
	}
}
