package diff_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests/diff"
	"crontopus.dev/crontopus/schedule"
)

// host is an agent of the role db that has reported its scheduler and zone.
func host(name, scheduler, zone string) crontopus.Agent {
	a := crontopus.Agent{Name: name, NameFixed: true, Labels: map[string]string{"role": "db"}}
	a.Status.Report.Scheduler, a.Status.Report.Timezone = scheduler, zone
	return a
}

func known(agents ...crontopus.Agent) diff.Fleet { return diff.Fleet{Known: true, Agents: agents} }

func TestHostsToWhichTheSameHappensAreOneGroup(t *testing.T) {
	t.Parallel()
	gone := noon
	revoked := host("db-09", "crontab", "UTC")
	revoked.RevokedAt = &gone
	r := diff.New(state(job("a")), state(job("a", at("30 3 * * *"))), known(
		host("db-02", "crontab", "UTC"), host("db-01", "crontab", "UTC"), host("db-03", "crontab", "Europe/Helsinki"),
		host("db-04", "builtin", "UTC"), host("db-05", "", ""), revoked), noon)
	line := func(times string) []string { return []string{times + " root /usr/bin/crontopus-agent exec default/a"} }
	one := func(before, after []string) []diff.HostChange {
		return []diff.HostChange{{Job: crontopus.JobName{Namespace: "default", Name: "a"}, Before: before, After: after}}
	}
	everyHalfHour := line("30 * * * *")
	require.Equal(t, []diff.Host{
		{Agents: []string{"db-01", "db-02"}, Scheduler: "crontab", Timezone: "UTC", Entries: one(line("30 2 * * *"), line("30 3 * * *"))},
		{Agents: []string{"db-03"}, Scheduler: "crontab", Timezone: "Europe/Helsinki", Entries: one(everyHalfHour, everyHalfHour)},
		{Agents: []string{"db-04"}, Scheduler: "builtin", Timezone: "UTC", Entries: one([]string{"30 2 * * * (UTC) default/a"}, []string{"30 3 * * * (UTC) default/a"})},
		{Agents: []string{"db-05"}, Scheduler: "crontab", Timezone: "", Entries: one(line("30 2 * * *"), line("30 3 * * *"))},
	}, r.Hosts)
	require.Equal(t, diff.Summary{Jobs: diff.JobCounts{Changed: 1}, HostsKnown: true, Hosts: 5, HostsOf: 5, Entries: diff.Entries{Changed: 5}}, r.Summary)
}

func TestEachSchedulerIsToldInItsOwnForm(t *testing.T) {
	t.Parallel()
	for scheduler, want := range map[string][]string{
		"systemd":       {"default/a:", "  OnCalendar=*-*-* 02:30:00 UTC"},
		"launchd":       {"default/a:", "  <key>StartCalendarInterval</key>", "  <array>", "    <dict><key>Hour</key><integer>2</integer><key>Minute</key><integer>30</integer></dict>", "  </array>"},
		"taskscheduler": nil,
	} {
		r := diff.New(nil, state(job("a")), known(host("db-01", scheduler, "UTC")), noon)
		entry := r.Hosts[0].Entries[0]
		require.Empty(t, entry.Before)
		require.Equal(t, "default/a:", entry.After[0])
		if want == nil {
			require.Contains(t, strings.Join(entry.After, "\n"), "\n  <CalendarTrigger>")
			require.Contains(t, strings.Join(entry.After, "\n"), "T02:30:00")
			continue
		}
		require.Equal(t, want, entry.After, scheduler)
	}
}

func TestNewCollisionsAreTold(t *testing.T) {
	t.Parallel()
	var before, after []crontopus.DesiredJob
	for i := range 22 {
		d := state(job(fmt.Sprintf("old-%02d", i), at("0 4 * * *")))[0]
		before, after = append(before, d), append(after, d)
		after = append(after, state(job(fmt.Sprintf("new-%02d", i)))...)
	}
	r := diff.New(before, after, known(host("db-01", "crontab", "UTC"), host("db-02", "systemd", "UTC")), noon)
	require.Equal(t, 2, r.CollisionCount, "at 02:30 on both; that of 04:00 was there")
	require.Equal(t, "db-01", r.Collisions[0].Target)
	require.Equal(t, "2:30", r.Collisions[0].At.UTC().Format("3:04"))
	require.InDelta(t, 22, r.Collisions[0].Starts, 0)
	require.Contains(t, r.Collisions[0].Jobs, "default/new-00")

	r = diff.New(before, after, diff.Fleet{}, noon)
	require.Equal(t, 1, r.CollisionCount, "where nobody knows the hosts, a target stands for one")
	require.Equal(t, "hosts with role=db", r.Collisions[0].Target)

	r = diff.New(after, before, known(host("db-01", "crontab", "UTC")), noon)
	require.Empty(t, r.Collisions)
	r = diff.New(before, after, known(crontopus.Agent{Name: "web-01"}), noon)
	require.Empty(t, r.Collisions, "no host has them")
}

func TestAJobMovesFromHostToHost(t *testing.T) {
	t.Parallel()
	web := crontopus.Agent{Name: "web-01", NameFixed: true}
	r := diff.New(state(job("a")), state(job("a", on(crontopus.Target{Agents: []string{"web-01"}}))), known(host("db-01", "crontab", "UTC"), web), noon)
	require.Len(t, r.Hosts, 2)
	require.NotEmpty(t, r.Hosts[0].Entries[0].Before)
	require.Empty(t, r.Hosts[0].Entries[0].After)
	require.Empty(t, r.Hosts[1].Entries[0].Before)
	require.NotEmpty(t, r.Hosts[1].Entries[0].After)
	require.Equal(t, diff.Entries{Removed: 1, Added: 1}, r.Changes[0].Entries)
	require.Equal(t, diff.Guard{Verdict: diff.GuardPasses, Removed: 1, Of: 1}, r.Guard)
}

func TestWithoutHostsAChangeIsToldByTarget(t *testing.T) {
	t.Parallel()
	all := on(crontopus.Target{All: true})
	r := diff.New(state(job("a"), job("b")), state(job("a", all), job("b", at("@daily")), job("c", all, suspended)), diff.Fleet{}, noon)
	var told []string
	for _, h := range r.Hosts {
		for _, e := range h.Entries {
			told = append(told, fmt.Sprintf("%s: %s %d→%d", h.Target, e.Job.Name, len(e.Before), len(e.After)))
		}
	}
	require.Equal(t, []string{"all hosts: a 0→1", "hosts with role=db: a 1→0", "hosts with role=db: b 1→1"}, told)
	require.False(t, r.Summary.HostsKnown)
}

func TestTheGuardsVerdict(t *testing.T) {
	t.Parallel()
	many := func(n int, change ...func(*crontopus.Job)) (jobs []crontopus.DesiredJob) {
		for i := range n {
			jobs = append(jobs, job(fmt.Sprintf("job-%02d", i), change...))
		}
		return jobs
	}
	fleet := known(host("db-01", "", ""), host("db-02", "", ""))
	for name, c := range map[string]struct {
		before, after []crontopus.DesiredJob
		fleet         diff.Fleet
		want          diff.Guard
	}{
		"ten entries of forty":             {many(20), many(15), fleet, diff.Guard{Verdict: diff.GuardPasses, Removed: 10, Of: 40}},
		"fourteen entries of forty":        {many(20), many(13), fleet, diff.Guard{Verdict: diff.GuardHolds, Removed: 14, Of: 40}},
		"no entry left":                    {many(1), nil, fleet, diff.Guard{Verdict: diff.GuardHolds, Removed: 2, Of: 2}},
		"all suspended":                    {many(1), many(1, suspended), fleet, diff.Guard{Verdict: diff.GuardHolds, Removed: 2, Of: 2}},
		"nothing was on a host":            {many(1), nil, known(), diff.Guard{Verdict: diff.GuardPasses}},
		"hosts unknown, nothing left":      {many(3), many(3, suspended), diff.Fleet{}, diff.Guard{Verdict: diff.GuardHolds}},
		"hosts unknown, something goes":    {many(3), many(2), diff.Fleet{}, diff.Guard{Verdict: diff.GuardUnknown}},
		"hosts unknown, a target moves":    {many(1), many(1, on(crontopus.Target{All: true})), diff.Fleet{}, diff.Guard{Verdict: diff.GuardUnknown}},
		"hosts unknown, nothing can go":    {many(2), many(3, at("@daily")), diff.Fleet{}, diff.Guard{Verdict: diff.GuardPasses}},
		"hosts unknown, a suspended goes":  {many(1, suspended), nil, diff.Fleet{}, diff.Guard{Verdict: diff.GuardPasses}},
		"hosts unknown, there was nothing": {nil, many(1), diff.Fleet{}, diff.Guard{Verdict: diff.GuardPasses}},
	} {
		require.Equal(t, c.want, diff.New(c.before, c.after, c.fleet, noon).Guard, name)
	}
}

func TestNextRunsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	r := diff.New(state(job("a", in("Europe/Helsinki"))), state(job("a", at("30 2 * * *", "@reboot"), in("America/New_York"))), diff.Fleet{}, noon)
	c := r.Changes[0]
	require.False(t, c.SameTimes())
	require.Len(t, c.RunsBefore.Next, 5)
	require.Equal(t, "2026-11-30T02:30:00+02:00", c.RunsBefore.Next[0].Format(time.RFC3339))
	require.Equal(t, "2026-11-30T02:30:00-05:00", c.RunsAfter.Next[0].Format(time.RFC3339))
	require.True(t, c.RunsAfter.Reboot)

	asleep := diff.New(state(job("a")), state(job("a", suspended)), diff.Fleet{}, noon).Changes[0]
	require.Empty(t, asleep.RunsAfter.Next)
	require.True(t, asleep.RunsAfter.Suspended)
	require.False(t, asleep.SameTimes())
}

func TestAHostsOwnZoneIsThatOfAHostOfTheJob(t *testing.T) {
	t.Parallel()
	own := job("a", in(crontopus.TimezoneHost))
	r := diff.New(nil, state(own), known(crontopus.Agent{Name: "web"}, host("db-01", "crontab", "Europe/Helsinki")), noon)
	require.Equal(t, "Europe/Helsinki", r.Changes[0].RunsAfter.Timezone)
	require.Equal(t, []string{"30 2 * * * root /usr/bin/crontopus-agent exec default/a"}, r.Hosts[0].Entries[0].After)
	r = diff.New(nil, state(own), diff.Fleet{}, noon)
	require.Equal(t, "UTC", r.Changes[0].RunsAfter.Timezone)
}

func TestHazardsAreToldOfNewTimesOnly(t *testing.T) {
	t.Parallel()
	risky := job("a", at("30 3 * * *"), in("Europe/Helsinki"))
	r := diff.New(state(job("a", in("Europe/Helsinki"))), state(risky), diff.Fleet{}, noon)
	require.Len(t, r.Changes[0].Hazards, 4, "two years of it")
	require.Equal(t, schedule.HazardMoved, r.Changes[0].Hazards[0].Kind)
	other := risky
	other.Job.Metadata.Description = "changed"
	require.Empty(t, diff.New(state(risky), state(other), diff.Fleet{}, noon).Changes[0].Hazards)
	require.Empty(t, diff.New(state(risky), nil, diff.Fleet{}, noon).Changes[0].Hazards, "what goes has none")
}

func TestANameThatAnotherSourceHas(t *testing.T) {
	t.Parallel()
	r := diff.New(state(job("a")), state(job("a", at("@daily")), job("b")), diff.Fleet{}, noon)
	r.Own(map[crontopus.JobName]string{{Namespace: "default", Name: "b"}: "ops", {Namespace: "default", Name: "a"}: "ops"})
	require.Empty(t, r.Changes[0].Owner)
	require.Equal(t, "ops", r.Changes[1].Owner)
}

func TestLinesAreThoseThatTheHostWouldWrite(t *testing.T) {
	t.Parallel()
	told := func(name, starter, cronZone string) crontopus.Agent {
		a := host(name, "crontab", "Europe/Helsinki")
		a.Status.Report.Crontab = &crontopus.Crontab{Starter: starter, Timezone: cronZone}
		return a
	}
	r := diff.New(nil, state(job("a", in("Europe/Helsinki"))), known(
		told("db-01", "/opt/crontopus-agent exec --config /etc/a.yaml", "Europe/Helsinki"),
		told("db-02", "/opt/crontopus-agent exec --config /etc/a.yaml", ""),
		told("db-03", "root /usr/bin/crontopus-agent exec", "UTC")), noon)
	var lines []string
	for _, h := range r.Hosts {
		lines = append(lines, h.Entries[0].After...)
	}
	require.Equal(t, []string{
		"30 2 * * * /opt/crontopus-agent exec --config /etc/a.yaml default/a",
		"* * * * * /opt/crontopus-agent exec --config /etc/a.yaml default/a",
		"0,30 * * * * root /usr/bin/crontopus-agent exec default/a",
	}, lines, "where cron's zone is not certain it is asked every minute")
}
