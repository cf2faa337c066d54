package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/schedule"
)

func TestCrontab(t *testing.T) {
	tests := []struct {
		situation string
		exprs     []string
		zone      string
		host      string
		want      []string
		gated     bool
	}{
		{"host in the job's zone", []string{"30 2 * * *"}, "Europe/Berlin", "Europe/Berlin", []string{"30 2 * * *"}, false},
		{"host in another zone", []string{"30 2 * * *"}, "Europe/Berlin", "America/New_York", []string{"0,30 * * * *"}, true},
		{"host half an hour off the job's zone", []string{"15 2 * * *"}, "UTC", "Asia/Kolkata", []string{"45 * * * *"}, true},
		{"job in a zone of many offsets", []string{"15 2 * * *"}, "Australia/Lord_Howe", "UTC", []string{"0,15,30,45 * * * *"}, true},
		{"a wildcard is in no gap", []string{"15 * * * *"}, "Europe/Berlin", "UTC", []string{"15 * * * *"}, true},
		{"every minute of a night", []string{"* 2 * * *"}, "Europe/Berlin", "UTC", []string{"* * * * *"}, true},
		{"half of the minutes", []string{"0-29 2 * * *"}, "Europe/Berlin", "UTC", []string{"0-29 * * * *"}, true},
		{"a zone that was once off by seconds", []string{"30 2 * * *"}, "Africa/Monrovia", "Europe/Berlin", []string{"* * * * *"}, true},
		{"host in a zone that nobody knows", []string{"30 2 * * *"}, "UTC", "", []string{"* * * * *"}, true},
		{"host in a zone that does not exist", []string{"30 2 * * *"}, "UTC", "Nowhere/Land", []string{"* * * * *"}, true},
		{"two names of UTC", []string{"30 2 * * *"}, "UTC", "Etc/GMT", []string{"30 2 * * *"}, false},
		{"two names of New York", []string{"30 2 * * *"}, "US/Eastern", "America/New_York", []string{"30 2 * * *"}, false},
		{"two zones that have been alike since 1981 only", []string{"30 2 * * *"}, "Europe/Berlin", "Europe/Vienna", []string{"0,30 * * * *"}, true},
		{"UTC, and a zone that is UTC in winter", []string{"30 2 * * *"}, "UTC", "Europe/London", []string{"30 * * * *"}, true},
		{"names and macros become numbers", []string{"05  4\t* JAN-mar,dec Mon-fri/2", "@weekly"}, "UTC", "UTC", []string{"5 4 * 1-3,12 1-5/2", "0 0 * * 0"}, false},
		{"a leading star stays", []string{"*/15 * */2 * *,5"}, "UTC", "UTC", []string{"*/15 * */2 * *,5"}, false},
		{"a step of one says nothing", []string{"*/1 1-3/1 * * *"}, "UTC", "UTC", []string{"* 1-3 * * *"}, false},
		{"two spellings of one schedule", []string{"@daily", "0 0 * * *", "@midnight"}, "UTC", "UTC", []string{"0 0 * * *"}, false},
		{"several expressions through one gate", []string{"@daily", "30 4 * * 0", "0 2 L * *"}, "UTC", "Asia/Tokyo", []string{"0,30 * * * *"}, true},
		{"reboot needs no clock", []string{"@reboot", "@reboot"}, "UTC", "Asia/Tokyo", []string{"@reboot"}, false},
		{"reboot beside times", []string{"@reboot", "@daily"}, "UTC", "UTC", []string{"0 0 * * *", "@reboot"}, false},
		{"reboot beside times, gated", []string{"@reboot", "@daily"}, "UTC", "Asia/Tokyo", []string{"0 * * * *", "@reboot"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			lines, gated := mustNew(t, tt.zone, tt.exprs...).Crontab(tt.host)
			require.Equal(t, tt.want, lines)
			require.Equal(t, tt.gated, gated)
		})
	}
}

// TestACrontabInAnotherZoneMissesNoRun lets the reference start a host's lines around a
// change of the job's clocks or of the host's: every run of the job must be among them.
func TestACrontabInAnotherZoneMissesNoRun(t *testing.T) {
	fewer := 0
	rapid.Check(t, func(t *rapid.T) {
		zone, host := zoneNames.Draw(t, "zone"), zoneNames.Draw(t, "host")
		changing := rapid.SampledFrom([]string{zone, host}).Draw(t, "changing")
		change := instant(t, rapid.SampledFrom(transitions[changing]).Draw(t, "change"))
		from, to := change.Add(-30*time.Hour), change.Add(30*time.Hour)
		expr := rapid.OneOf(expressions(), extended()).Draw(t, "expr")
		set, err := schedule.New([]string{expr}, zone, seed)
		if impossible(err) {
			return
		}
		require.NoError(t, err)
		lines, _ := set.Crontab(host)
		require.Len(t, lines, 1)
		if lines[0] != "* * * * *" {
			fewer++
		}
		location, err := time.LoadLocation(host)
		require.NoError(t, err)
		reference := parseVixie(t, lines[0])
		starts := map[int64]bool{}
		for _, at := range reference.runs(location, from, to) {
			starts[at] = true
		}
		for at, ok := set.Next(from.Add(-time.Second)); ok && at.Before(to); at, ok = set.Next(at) {
			require.True(t, starts[at.Unix()], "%s in %s: the %s of a host in %s is not there at %s", expr, zone, lines[0], host, at)
		}
	})
	require.NotZero(t, fewer)
}
