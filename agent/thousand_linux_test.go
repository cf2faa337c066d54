package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/api/wire"
)

// gatehouse counts who comes to a server, by the second.
type gatehouse struct {
	*headquarters
	mu    sync.Mutex
	open  time.Time // since when it is counted; zero: not yet
	came  map[int]int
	heard map[int][]string // run ids, by agent, in the order in which they came
}

func (g *gatehouse) count() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open.IsZero() {
		g.came[int(time.Since(g.open)/time.Second)]++
	}
}

// back lets everybody in from now on.
func (g *gatehouse) back() {
	g.mu.Lock()
	g.open = time.Now()
	g.mu.Unlock()
	g.fail(nil)
}

// visitor is one agent's way to the server.
type visitor struct {
	*gatehouse
	number int
}

func (v visitor) Bundle(ctx context.Context, etag string, wait time.Duration, drained time.Time) ([]byte, string, bool, error) {
	v.count()
	return v.gatehouse.Bundle(ctx, etag, wait, drained)
}

func (v visitor) Report(ctx context.Context, r crontopus.AgentReport) error {
	v.count()
	return v.gatehouse.Report(ctx, r)
}

func (v visitor) CheckIns(ctx context.Context, list []crontopus.CheckIn) ([]wire.CheckInResult, error) {
	v.count()
	results, err := v.gatehouse.CheckIns(ctx, list)
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range results {
		v.heard[v.number] = append(v.heard[v.number], list[i].RunID)
	}
	return results, err
}

// inMemory puts a test's folders into memory where there is room: a thousand hosts have a
// thousand disks, and here they would wait for one.
func inMemory(t *testing.T) {
	const shm = "/dev/shm"
	var fs syscall.Statfs_t
	if syscall.Statfs(shm, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > 512<<20 {
		t.Setenv("TMPDIR", shm)
	}
}

// A server that was away is back, and a thousand agents have much to tell: they come one
// after the other, each tells everything once and in order, and no second is a stampede.
func TestAThousandAgentsComeBack(t *testing.T) {
	const agents = 1000
	away, spooled := time.Minute, 3 // long enough for their patience to reach its end
	if os.Getenv("CRONTOPUS_SOAK") != "" {
		away, spooled = 10*time.Minute, 24
	}
	inMemory(t)
	dir := t.TempDir()
	sites := make([]*site, agents)
	for i := range sites {
		sites[i] = newSite(t)
	}
	synctest.Test(t, func(t *testing.T) {
		g := &gatehouse{headquarters: newHeadquarters(), came: map[int]int{}, heard: map[int][]string{}}
		b := sites[0].bundle(1, "a")
		b.Issued, b.Expires = time.Now(), time.Now().Add(24*time.Hour)
		if os.Getuid() == rootUID {
			b.Jobs[0].Spec.Run.User = nobodyName
			b.JobsDigest = crontopus.JobsDigest(b.Jobs)
		}
		g.publish("1", sites[0].sign(b))
		ctx, cancel := context.WithCancel(context.Background())
		var daemons sync.WaitGroup
		said := make([][]string, agents)
		tables := make([]*table, agents)
		for i, s := range sites {
			tables[i] = &table{}
			spool := agent.NewSpool(s.state.SpoolDir())
			daemon := agent.NewDaemon(agent.DaemonOptions{
				State: s.state, Identity: s.id, Server: visitor{g, i}, Scheduler: tables[i], Spool: spool,
				PolicyFile: dir + "/policy.yaml", UID: os.Getuid(), Interval: 5 * time.Minute, Version: "v1",
				Now: time.Now, Log: slog.New(slog.DiscardHandler),
			})
			daemons.Go(func() {
				if err := daemon.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		g.fail(crontopus.Errorf(crontopus.CodeUnavailable, "no server is listening"))
		for n := range spooled {
			for i, s := range sites {
				c := crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: named("a"), Event: crontopus.EventSuccess, At: time.Now(), Message: fmt.Sprint(n)}
				require.NoError(t, agent.NewSpool(s.state.SpoolDir()).Add(c))
				said[i] = append(said[i], c.RunID)
			}
			<-time.After(away / time.Duration(spooled))
		}
		for _, table := range tables {
			require.Equal(t, []string{"a"}, table.names(), "jobs stay while nobody answers")
		}
		g.back()
		<-time.After(time.Minute)
		cancel()
		daemons.Wait()
		most, all := 0, 0
		for _, n := range g.came {
			most, all = max(most, n), all+n
		}
		for i := range sites {
			require.Equal(t, said[i], g.heard[i], "agent %d tells all of it, once and in order", i)
		}
		t.Logf("%d requests of %d agents in the first minute, at most %d in one second", all, agents, most)
		require.Less(t, most, agents/2, "in one second")
		require.Less(t, all, 8*agents)
	})
}
