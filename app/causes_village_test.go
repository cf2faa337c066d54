package app_test

import (
	"cmp"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// Each host has a channel of its own: what waits for its turn at a channel that is busy waits by the
// database's clock, which is not the bubble's.
const villageAlerting = `apiVersion: crontopus.dev/v1
kind: AlertPolicy
metadata: {name: HOST}
spec:
  match: {agents: [HOST]}
  notify: [{channel: HOST}]
---
apiVersion: crontopus.dev/v1
kind: NotificationChannel
metadata: {name: HOST}
spec:
  type: webhook
  maxPerHour: 1000
  webhook: {url: "URL", secrets: ["secret:hook"]}
`

// clock makes the time of the day come.
func clock(hour string) {
	t, err := time.Parse("2006-01-02 15:04:05", "2031-03-04 "+hour)
	if err != nil {
		panic(err)
	}
	time.Sleep(time.Until(t))
}

// Each of a host's hardships goes through real agents, a real server and a webhook: its incidents
// must name their cause and show its evidence, at first and when it is over.
func TestEachHardshipOfAHostIsNamed(t *testing.T) {
	t.Parallel()
	befall(t, hardships)
}

// befall lets each hardship befall its host, and compares what is told.
func befall(t *testing.T, hardships []hardship) {
	p := newPeer(t)
	p.Config.SetKeepAlivesEnabled(false) // while a connection is open, no time passes in a bubble
	repo := gittest.NewRepo(t)
	files := map[string]string{}
	later, after := map[string]string{}, map[string]string{}
	for _, c := range hardships {
		files["alerting-"+c.host+".yaml"] = strings.NewReplacer("HOST", c.host, "URL", p.URL).Replace(villageAlerting)
		files[c.host+".yaml"] = strings.Replace(jobOf("on-"+c.host, c.host, c.run), "grace: 2m", "grace: "+cmp.Or(c.grace, "2m"), 1)
		maps.Copy(later, c.push)
		maps.Copy(after, c.remend)
	}
	files["cronless.yaml"] = jobOf("on-cronless", "cronless, witness", "")
	repo.Commit(t, "every host has a job", files)
	read := map[story]map[string]crontopus.Incident{}
	synctest.Test(t, func(t *testing.T) {
		clock("11:57:40")
		v := newVillage(t, repo, func(o *app.Options) { o.BundleLife = 9 * time.Minute })
		hosts := map[string]*villager{"witness": v.settles("witness")}
		for _, c := range hardships {
			hosts[c.host] = v.settles(c.host)
		}
		all := func(of func(c *hardship) func(*villager)) {
			for i := range hardships {
				if befalls := of(&hardships[i]); befalls != nil {
					befalls(hosts[hardships[i].host])
				}
			}
		}
		clock("12:00:30")
		all(func(c *hardship) func(*villager) { return c.harm })
		v.push("new jobs", later)
		clock("12:01:58")
		all(func(c *hardship) func(*villager) { return c.brink })
		time.Sleep(2*time.Second - time.Microsecond) // before the detector looks once more
		v.push("at another time", map[string]string{"rescheduled.yaml": strings.Replace(jobOf("on-rescheduled", "rescheduled", ""), "2,10 12", "3 3", 1)})
		clock("12:02:30")
		all(func(c *hardship) func(*villager) { return c.soon })
		clock("12:08:00")
		read[harmed] = v.incidents()
		all(func(c *hardship) func(*villager) { return c.mend })
		v.push("mended in Git", after)
		clock("12:14:45")
		read[mended] = v.incidents()
	})
	heard := map[string]string{}
	for _, m := range p.heard() {
		heard[m.Data.Incident.ID+" "+m.Type] = m.Data.Text
	}
	for _, c := range hardships {
		for _, want := range c.told {
			about := strings.TrimPrefix(want.about+" on "+c.host, " on ")
			t.Run(about, func(t *testing.T) {
				in, found := read[want.at][about]
				require.True(t, found, "no such incident")
				want.check(t, &in)
				require.True(t, want.missed == 0 || want.missed == in.MissedCount, "%d missed: %v", in.MissedCount, in.Missed)
				require.Contains(t, heard, in.ID+" incident.opened", "nobody was told")
				if want.at == mended && !in.Open() {
					require.Contains(t, heard[in.ID+" incident.resolved"], in.ResolvedWhy)
				}
			})
		}
		for _, about := range c.no {
			require.NotContains(t, read[harmed], about)
			require.NotContains(t, read[mended], about)
		}
	}
}

func (want *telling) check(t *testing.T, in *crontopus.Incident) {
	require.Equal(t, want.code, in.Cause.Code, in.Cause.Sentence)
	require.Equal(t, want.kind, in.Kind)
	for _, words := range want.says {
		require.Contains(t, in.Cause.Sentence, words)
	}
	var evidence strings.Builder
	for _, e := range in.Cause.Evidence {
		evidence.WriteString(e.What + ": " + e.Says + "\n")
	}
	for _, words := range append(want.evidence, "") {
		require.Contains(t, evidence.String(), words)
	}
}
