package failpoint_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // this test reads the database itself, not through the store
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"crontopus.dev/crontopus/internal/pgtest"
)

// senders is how many check in at once.
const senders = 8

func TestAServerThatIsKilledAroundACommitUnderLoad(t *testing.T) {
	for engine, database := range map[string]func(testing.TB) string{
		"SQLite":     func(testing.TB) string { return "" },
		"PostgreSQL": func(t testing.TB) string { return pgtest.Database(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			underLoad(t, database(t))
		})
	}
}

// underLoad lets check-ins come all the time and an engineer push, and kills the server in
// the middle of both, again and again.
func underLoad(t *testing.T, database string) {
	jobs := func(n int) generation { return generation{"stays": "0 3 * * *", "moves": fmt.Sprintf("%d 4 * * *", n)} }
	s := newServer(t, database, map[string]string{"jobs.yaml": jobs(1).manifest("[/bin/true]")})
	h := newHost(t, s, "db-01")
	daemon := h.agent(t, nil, "run")
	h.comes(t, jobs(1), "1.1")

	sent := newHistory(s.url, s.env(t)[1])
	pushed := 1
	points := []string{
		"tx:before-commit@store.(*Store).recordAll#1", "tx:after-commit@store.(*Store).recordAll#1",
		"tx:before-commit@store.(*Store).recordAll#40", "tx:after-commit@store.(*Store).recordAll#40",
		"tx:after-commit@store.(*Store).FinishSync#1",
		"tx:before-commit@store.(*Store).CommitPublications#1", "tx:after-commit@store.(*Store).CommitPublications#1",
	}
	if database == "" || os.Getenv("CRONTOPUS_SOAK") != "" { // a sync that a killed server of many held waits for a minute
		points = append(points, "tx:after-commit@store.(*Store).SystemBeginSync#1", "tx:before-commit@store.(*Store).FinishSync#1")
	}
	if os.Getenv("CRONTOPUS_SOAK") != "" {
		for range 15 {
			points = append(points, fmt.Sprintf("tx:%s-commit@store.(*Store).recordAll#%d", []string{"before", "after"}[rand.IntN(2)], 1+rand.IntN(200)))
		}
	}
	for _, kill := range points {
		killed := t.Run(kill, func(*testing.T) { // the next server outlives it
			s.stop(t)
			s.start(t, "FAILPOINT_KILL="+kill)
			stopSending := sent.send(t)
			if !strings.Contains(kill, "recordAll") {
				pushed++
				s.repo.Commit(t, "change", map[string]string{"jobs.yaml": jobs(pushed).manifest("[/bin/true]")})
				start(t, s.dir, s.env(t), "crontopus", "sources", "sync", "fleet").ended(t) // it may have nobody to ask
			}
			s.mustBeKilled(t)
			stopSending()

			s.start(t)
			sent.requireKept(t, s)
			require.NoError(t, daemon.Process.Signal(syscall.SIGHUP)) // it asks again at once
			h.comes(t, jobs(pushed), fmt.Sprintf("1.%d", pushed))
		})
		require.True(t, killed)
	}
	daemon.stop(t)
	require.NotContains(t, daemon.out.String(), "bundle refused", "no generation came twice with other jobs")
	require.Greater(t, len(sent.answered), 50)
	t.Logf("%d check-ins were answered, %d were not", len(sent.answered), sent.unanswered)
}

// history is what senders remember of the answers that they got.
type history struct {
	url, key string

	mu         sync.Mutex
	answered   map[string]string // runs, with the last event that was answered 2xx
	unanswered int
}

func newHistory(url, key string) *history {
	return &history{url: url, key: strings.TrimPrefix(key, "CRONTOPUS_API_KEY="), answered: map[string]string{}}
}

// send lets check-ins come until stop is called.
func (h *history) send(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for ctx.Err() == nil {
				h.run(ctx)
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// run checks a run in, start and end.
func (h *history) run(ctx context.Context) {
	id := uuid.Must(uuid.NewV7()).String()
	for _, event := range []string{"start", "success"} {
		ok := h.post(ctx, map[string]any{"runId": id, "event": event, "at": time.Now(), "output": []byte(id)})
		h.mu.Lock()
		if ok {
			h.answered[id] = event
		} else {
			h.unanswered++
		}
		h.mu.Unlock()
		if !ok {
			return
		}
	}
}

func (h *history) post(ctx context.Context, checkIn any) bool {
	body, err := json.Marshal(checkIn)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/v1/jobs/default/stays/checkins", bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+h.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode/100 == 2
}

// requireKept fails unless everything that was answered is in the database.
func (h *history) requireKept(t testing.TB, s *server) {
	t.Helper()
	kept := s.runs(t)
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, event := range h.answered {
		run, there := kept[id]
		require.Truef(t, there, "the %s of the run %s was answered, and is lost", event, id)
		if event == "success" {
			require.Equal(t, [2]string{"succeeded", id}, run)
		}
	}
}

// runs reads all runs, with state and output, behind the server's back.
func (s *server) runs(t testing.TB) map[string][2]string {
	t.Helper()
	driver, name := "sqlite", "file:"+filepath.Join(s.dir, "data", "crontopus.db")+"?mode=ro"
	if s.database != "" {
		driver, name = "pgx", pgtest.As(t, s.database, "postgres")
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT id, state, output FROM runs")
	require.NoError(t, err)
	defer rows.Close()
	all := map[string][2]string{}
	for rows.Next() {
		var id, state, output string
		require.NoError(t, rows.Scan(&id, &state, &output))
		all[id] = [2]string{state, output}
	}
	require.NoError(t, rows.Err())
	return all
}
