package forecast_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests are not those of the host

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests/forecast"
	"crontopus.dev/crontopus/schedule"
)

func job(name, timezone string, splay time.Duration, exprs ...string) *crontopus.Job {
	j := &crontopus.Job{Metadata: crontopus.Metadata{Name: name}, Spec: crontopus.JobSpec{Schedule: exprs, Timezone: timezone}}
	j.Spec.Run.Splay = crontopus.Duration(splay)
	j.SetDefaults()
	return j
}

func day(t testing.TB, zone string) forecast.Options {
	location, err := schedule.Location(zone)
	require.NoError(t, err)
	return forecast.Options{From: time.Date(2026, 3, 28, 12, 34, 56, 0, location), Hours: 24, Limit: 2, Most: 3}
}

func TestAForecastCountsRunsByHourAndTarget(t *testing.T) {
	t.Parallel()
	f, err := forecast.Make([]forecast.Entry{
		{Job: job("night", "Europe/Berlin", 0, "30 2 * * *"), Targets: []string{"role=db"}},
		{Job: job("hourly", "UTC", 0, "@hourly"), Targets: []string{"role=db", "role=web"}},
		{Job: job("later", "UTC", 0, "0 0 1 1 *"), Targets: []string{"role=web"}},
		{Job: job("boot", "UTC", 0, "@reboot"), Targets: []string{"role=web"}},
	}, day(t, "Europe/Berlin"))
	require.NoError(t, err)
	require.Equal(t, "2026-03-28T12:00:00+01:00", f.From.Format(time.RFC3339), "the window begins with an hour")
	require.Equal(t, "2026-03-29T13:00:00+02:00", f.Until.Format(time.RFC3339), "a day of 24 hours, though the clock has gone forward")
	require.Equal(t, "Europe/Berlin", f.Timezone)
	require.Equal(t, 4, f.Jobs)
	require.Equal(t, 49, f.Runs)
	require.Equal(t, "role=db", f.Targets[0].Name)
	require.Equal(t, 25, f.Targets[0].Runs)
	require.Equal(t, 2, f.Targets[0].Jobs)
	require.Equal(t, 3, f.Targets[1].Jobs)
	require.Equal(t, 3, f.Hours[14], "what the gap swallowed runs at its end, at 03:00")
	require.Equal(t, []forecast.Minute{{At: f.From.Add(14 * time.Hour), Starts: 3}, {At: f.From, Starts: 2}, {At: f.From.Add(time.Hour), Starts: 2}}, f.Busiest)
	require.Empty(t, f.Collisions)
}

func TestACollisionIsMoreThanTheLimitOnOneTarget(t *testing.T) {
	t.Parallel()
	var entries []forecast.Entry
	for i := range 3 {
		entries = append(entries, forecast.Entry{Job: job("job-"+strconv.Itoa(i), "UTC", 0, "15 3,4,5,6 * * *"), Targets: []string{"one"}})
	}
	for i := range 2 { // no more than the limit
		entries = append(entries, forecast.Entry{Job: job("other-"+strconv.Itoa(i), "UTC", 0, "* * * * *"), Targets: []string{"two"}})
	}
	entries = append(entries, forecast.Entry{Job: job("also", "UTC", 0, "15 4 * * *"), Targets: []string{"one", "two"}})
	f, err := forecast.Make(entries, day(t, "UTC"))
	require.NoError(t, err)
	require.Equal(t, 5, f.CollisionCount)
	require.Len(t, f.Collisions, 3, "the worst of them")
	at := func(hour int) time.Time { return time.Date(2026, 3, 29, hour, 15, 0, 0, time.UTC) }
	four := []string{"default/also", "default/job-0", "default/job-1", "default/job-2"}
	require.Equal(t, forecast.Collision{Target: "one", Minute: forecast.Minute{At: at(4), Starts: 4}, Jobs: four}, f.Collisions[0])
	require.Equal(t, forecast.Collision{Target: "one", Minute: forecast.Minute{At: at(3), Starts: 3}, Jobs: four[1:]}, f.Collisions[1])
	require.Equal(t, "two", f.Collisions[2].Target)
}

func TestASplaySpreadsWhatStarts(t *testing.T) {
	t.Parallel()
	var entries []forecast.Entry
	for i := range 6 {
		entries = append(entries, forecast.Entry{Job: job("job-"+strconv.Itoa(i), "UTC", 150*time.Second, "0 3 * * *"), Targets: []string{"one"}})
	}
	f, err := forecast.Make(entries, day(t, "UTC"))
	require.NoError(t, err)
	at := time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)
	require.Equal(t, []forecast.Minute{{At: at, Starts: 2.4}, {At: at.Add(time.Minute), Starts: 2.4}, {At: at.Add(2 * time.Minute), Starts: 1.2}}, f.Busiest)
	require.Equal(t, 2, f.CollisionCount)
	require.Len(t, f.Collisions[1].Jobs, 6)
	require.Equal(t, 6, f.Runs)
}

func TestHIsAnotherTimeForEachJob(t *testing.T) {
	t.Parallel()
	var entries []forecast.Entry
	for i := range 200 {
		entries = append(entries, forecast.Entry{Job: job("job-"+strconv.Itoa(i), "UTC", 0, "H * * * *"), Targets: []string{"one"}})
	}
	o := day(t, "UTC")
	o.Most = 60
	f, err := forecast.Make(entries, o)
	require.NoError(t, err)
	require.Equal(t, 200*24, f.Runs)
	require.Less(t, f.Busiest[0].Starts, 15.0)
	require.Len(t, f.Busiest, 60)
}

func TestAScheduleThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := forecast.Make([]forecast.Entry{{Job: job("bad", "UTC", 0, "5/15 * * * *"), Targets: []string{"one"}}}, day(t, "UTC"))
	require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
}

// TestAForecastIsWhatEachRunAddsUpTo counts run after run, and second after second of a splay.
func TestAForecastIsWhatEachRunAddsUpTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exprs := []string{"* * * * *", "*/7 1-3 * * *", "30 2 * * *", "H H * * *", "H/10 * * * *", "0 0 L * *", "15 */2 * * 0", "@hourly"}
		zones := []string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"}
		location, err := schedule.Location(rapid.SampledFrom(zones).Draw(t, "shown"))
		require.NoError(t, err)
		o := forecast.Options{Hours: rapid.SampledFrom([]int{24, 48}).Draw(t, "hours"), Limit: rapid.IntRange(1, 4).Draw(t, "limit"), Most: 5000}
		o.From = time.Date(2026, 10, 24, rapid.IntRange(0, 23).Draw(t, "hour"), 41, 7, 0, location)
		var entries []forecast.Entry
		for i := range rapid.IntRange(1, 8).Draw(t, "jobs") {
			splay := time.Duration(rapid.SampledFrom([]int{0, 0, 20, 60, 90, 600}).Draw(t, "splay")) * time.Second
			targets := rapid.SampledFrom([][]string{{"a"}, {"b"}, {"a", "b"}}).Draw(t, "targets")
			entries = append(entries, forecast.Entry{Job: job(fmt.Sprint("job-", i), rapid.SampledFrom(zones).Draw(t, "zone"), splay, rapid.SampledFrom(exprs).Draw(t, "expr")), Targets: targets})
		}
		f, err := forecast.Make(entries, o)
		require.NoError(t, err)

		hours, all, onTarget := make([]int, o.Hours), map[time.Time]float64{}, map[string]map[time.Time]float64{"a": {}, "b": {}}
		for _, e := range entries {
			set, err := schedule.Of(e.Job)
			require.NoError(t, err)
			seconds := max(int(e.Job.Spec.Run.Splay.Std()/time.Second), 1)
			for _, target := range e.Targets {
				for at, ok := set.Next(f.From.Add(-time.Second)); ok && at.Before(f.Until); at, ok = set.Next(at) {
					hours[int(at.Sub(f.From)/time.Hour)]++
					for s := range seconds {
						if minute := at.Add(time.Duration(s) * time.Second).Truncate(time.Minute).UTC(); minute.Before(f.Until) {
							all[minute] += 1 / float64(seconds)
							onTarget[target][minute] += 1 / float64(seconds)
						}
					}
				}
			}
		}
		require.Equal(t, hours, f.Hours)
		require.Len(t, f.Busiest, len(all))
		for _, m := range f.Busiest {
			if want := all[m.At.UTC()]; math.Abs(want-m.Starts) > 0.0051 {
				t.Fatalf("%v start at %s, not %v", want, m.At, m.Starts)
			}
		}
		collisions := 0
		for _, minutes := range onTarget {
			for _, starts := range minutes {
				if starts > float64(o.Limit)+1e-6 {
					collisions++
				}
			}
		}
		require.Equal(t, collisions, f.CollisionCount)
		for _, c := range f.Collisions {
			if want := onTarget[c.Target][c.At.UTC()]; math.Abs(want-c.Starts) > 0.0051 || len(c.Jobs) < int(math.Ceil(c.Starts-0.0051)) {
				t.Fatalf("%v start on %s at %s, not %v: %s", want, c.Target, c.At, c.Starts, c.Jobs)
			}
		}
	})
}

// BenchmarkMake forecasts a week of 10,000 jobs: of one schedule, of as many as people have,
// and each every other minute at its own.
func BenchmarkMake(b *testing.B) {
	for name, expr := range map[string]func(i int) string{
		"every minute": func(int) string { return "* * * * *" },
		"hashed":       func(int) string { return "H H/4 * * *" },
		"all different": func(i int) string {
			return fmt.Sprintf("*/2 %d-23 %d %d *", i%20, 1+i%28, 1+i%12)
		},
		"all different, every minute": func(i int) string { return fmt.Sprintf("*,%d * * %d-12,%d *", i%60, 1+i%11, 1+i%12) },
	} {
		for _, targets := range []int{1, 500} {
			var entries []forecast.Entry
			for i := range 10_000 {
				entries = append(entries, forecast.Entry{Job: job("job-"+strconv.Itoa(i), "Europe/Berlin", 0, expr(i)), Targets: []string{"target-" + strconv.Itoa(i%targets)}})
			}
			o := day(b, "Europe/Berlin")
			o.Hours, o.Most = 7*24, 100
			b.Run(fmt.Sprintf("%s/%d targets", name, targets), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := forecast.Make(entries, o)
					require.NoError(b, err)
				}
			})
		}
	}
}
