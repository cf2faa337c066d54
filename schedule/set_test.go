package schedule_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

func TestNext(t *testing.T) {
	tests := []struct {
		situation  string
		expr, zone string
		after      string
		want       []string
	}{
		{"a run at the very instant does not count", "30 2 * * *", "UTC", "2026-01-01T02:30:00Z",
			[]string{"2026-01-02T02:30:00Z"}},
		{"a zone a quarter of an hour off the hour", "0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z",
			[]string{"2026-01-01T06:00:00+05:45", "2026-01-02T06:00:00+05:45"}},
		{"a fixed time in the gap runs right after it", "30 2 * * *", "America/New_York", "2026-03-07T08:00:00Z",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
		{"several fixed times in the gap run as one", "0,20,40 2 * * *", "America/New_York", "2026-03-07T08:00:00Z",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"}},
		{"a fixed time in the gap joins the one right after it", "0,30 2,3 8 3 *", "America/New_York", "2026-03-01T00:00:00Z",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00", "2027-03-08T02:00:00-05:00"}},
		{"a wildcard in the gap is skipped", "*/30 2 * * *", "America/New_York", "2026-03-07T08:00:00Z",
			[]string{"2026-03-09T02:00:00-04:00"}},
		{"a wildcard follows the clock over the gap", "@hourly", "America/New_York", "2026-03-08T05:30:00Z",
			[]string{"2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00"}},
		{"a fixed time that comes twice runs the first time", "30 1 * * *", "America/New_York", "2026-10-31T06:00:00Z",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		{"asked between its two times, it runs tomorrow", "30 1 * * *", "America/New_York", "2026-11-01T06:15:00Z",
			[]string{"2026-11-02T01:30:00-05:00"}},
		{"a wildcard runs in both hours", "*/30 1 * * *", "America/New_York", "2026-11-01T05:15:00Z",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:00:00-05:00"}},
		{"minute 0 of every hour is a wildcard too", "0 * * * *", "America/New_York", "2026-11-01T04:30:00Z",
			[]string{"2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"}},
		{"a list of all hours is none", "0 0-23 * * *", "America/New_York", "2026-11-01T04:30:00Z",
			[]string{"2026-11-01T01:00:00-04:00", "2026-11-01T02:00:00-05:00"}},
		{"a wildcard once a year does not lose its second hour", "*/30 1 1 11 *", "America/New_York", "2026-11-01T05:30:00Z",
			[]string{"2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00", "2027-11-01T01:00:00-04:00"}},
		{"a gap of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"half an hour that comes twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		{"a gap at midnight", "@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z",
			[]string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"an hour before midnight that comes twice", "30 23 17 2 *", "America/Sao_Paulo", "2018-02-17T12:00:00Z",
			[]string{"2018-02-17T23:30:00-02:00", "2019-02-17T23:30:00-03:00"}},
		{"clocks go back for Ramadan", "30 2 * * *", "Africa/Casablanca", "2026-02-15T00:00:00Z",
			[]string{"2026-02-15T02:30:00+01:00", "2026-02-16T02:30:00Z"}},
		{"and forward after it", "30 2 * * *", "Africa/Casablanca", "2026-03-21T12:00:00Z",
			[]string{"2026-03-22T03:00:00+01:00", "2026-03-23T02:30:00+01:00"}},
		{"three hours forward: the clock was set, the gap is lost", "30 3 * * *", "Antarctica/Casey", "2009-10-17T00:00:00Z",
			[]string{"2009-10-19T03:30:00+11:00"}},
		{"two hours forward are daylight saving", "30 1 * * *", "Antarctica/Troll", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T01:30:00+02:00"}},
		{"a day that a zone leaves out is lost", "0 12 * * *", "Pacific/Apia", "2011-12-30T00:00:00Z",
			[]string{"2011-12-31T12:00:00+14:00"}},
		{"both day fields restricted: either will do", "0 0 13 * fri", "UTC", "2026-02-01T00:00:00Z",
			[]string{"2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"}},
		{"a day field that begins with a star: both must match", "0 0 */2 * fri", "UTC", "2026-02-01T00:00:00Z",
			[]string{"2026-02-13T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-13T00:00:00Z"}},
		{"an impossible day of the month, but a weekday", "0 0 31 2 mon", "UTC", "2026-01-01T00:00:00Z",
			[]string{"2026-02-02T00:00:00Z"}},
		{"Sunday is 7 too", "0 0 * * 6-7", "UTC", "2026-01-01T00:00:00Z",
			[]string{"2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-10T00:00:00Z"}},
		{"leap days", "0 0 29 2 *", "UTC", "2095-01-01T00:00:00Z",
			[]string{"2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"}},
		{"leap days on Sundays, forty years apart", "0 0 29 2 */7", "Europe/Berlin", "2088-03-01T00:00:00Z",
			[]string{"2128-02-29T00:00:00+01:00"}},
		{"the last minute of a leap year, beyond the zone's table", "59 23 31 12 *", "America/New_York", "2104-12-31T12:00:00Z",
			[]string{"2104-12-31T23:59:00-05:00"}},
		{"before 1970", "0 0 * * *", "UTC", "1969-12-31T12:00:00.5Z",
			[]string{"1970-01-01T00:00:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			set := mustNew(t, tt.zone, tt.expr)
			at, got := instant(t, tt.after), []string{}
			for range tt.want {
				next, ok := set.Next(at)
				require.True(t, ok)
				prev, _ := set.Prev(next)
				require.Equal(t, next, prev)
				at, got = next, append(got, next.Format(time.RFC3339))
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestPrev(t *testing.T) {
	tests := []struct {
		situation  string
		expr, zone string
		at         string
		want       string
	}{
		{"a run at the very instant counts", "30 2 * * *", "UTC", "2026-01-01T02:30:00Z", "2026-01-01T02:30:00Z"},
		{"and is the last one for all of its second", "30 2 * * *", "UTC", "2026-01-01T02:30:00.999Z", "2026-01-01T02:30:00Z"},
		{"what the gap swallowed", "30 2 * * *", "Europe/Berlin", "2026-03-29T06:00:00Z", "2026-03-29T03:00:00+02:00"},
		{"in the second of two hours, the first one's run", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:45:00Z", "2026-10-25T02:30:00+02:00"},
		{"a wildcard's, the second one's", "*/30 2 * * *", "Europe/Berlin", "2026-10-25T01:45:00Z", "2026-10-25T02:30:00+01:00"},
		{"years ago", "0 0 29 2 */7", "UTC", "2128-02-28T00:00:00Z", "2088-02-29T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			got, ok := mustNew(t, tt.zone, tt.expr).Prev(instant(t, tt.at))
			require.True(t, ok)
			require.Equal(t, tt.want, got.Format(time.RFC3339))
		})
	}
}

func TestRebootAloneHasNoTimes(t *testing.T) {
	set := mustNew(t, "UTC", "@reboot")
	require.True(t, set.Reboot())
	_, ok := set.Next(instant(t, "2026-01-01T00:00:00Z"))
	require.False(t, ok)
	_, ok = set.Prev(instant(t, "2026-01-01T00:00:00Z"))
	require.False(t, ok)
}

func TestTheEndsOfTime(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "Asia/Kathmandu"} {
		set := mustNew(t, zone, "* * * * *", "0 0 29 2 */7")
		for _, at := range []time.Time{time.Unix(math.MaxInt64, 0), time.Unix(1<<60, 0), instant(t, "9999-12-31T23:59:59Z").AddDate(0, 0, 2)} {
			_, ok := set.Next(at)
			require.False(t, ok, "after %d in %s", at.Unix(), zone)
			last, ok := set.Prev(at)
			require.True(t, ok)
			require.Equal(t, 9999, last.Year())
		}
		for _, at := range []time.Time{time.Unix(math.MinInt64, 0), time.Unix(-1<<60, 0), (time.Time{}).AddDate(0, 0, -2)} {
			_, ok := set.Prev(at)
			require.False(t, ok, "before %d in %s", at.Unix(), zone)
			next, ok := set.Next(at)
			require.True(t, ok)
			require.Equal(t, 1, next.Year())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		situation           string
		exprs               []string
		zone                string
		code, message, hint string
	}{
		{"no expression", nil, "UTC",
			crontopus.CodeInvalid, "there is no schedule", `write a cron expression, such as "30 2 * * *"`},
		{"too many", make([]string, 17), "UTC",
			crontopus.CodeInvalid, "there are 17 schedules, and a job has at most 16", "join some with lists, such as 0,30, or make several jobs"},
		{"a bad one among good ones", []string{"@daily", "60 * * * *"}, "UTC",
			crontopus.CodeInvalid, `"60" in the minute is out of range`, "write 0 to 59, or * for all"},
		{"the host's zone", []string{"@daily"}, "host",
			crontopus.CodeInvalid, `the time zone "host" is another on each host`, "name one, such as Europe/Berlin"},
		{"no zone at all", []string{"@daily"}, "",
			crontopus.CodeInvalid, `"" is not a time zone`, zoneHint},
		{"the zone of whoever reads it", []string{"@daily"}, "Local",
			crontopus.CodeInvalid, `"Local" is not a time zone`, zoneHint},
		{"a zone with leap seconds", []string{"@daily"}, "right/Europe/Berlin",
			crontopus.CodeInvalid, `"right/Europe/Berlin" is not a time zone`, zoneHint},
		{"a path", []string{"@daily"}, "../../etc/passwd",
			crontopus.CodeInvalid, `"../../etc/passwd" is not a time zone`, zoneHint},
		{"a folder of the database", []string{"@daily"}, "Europe",
			crontopus.CodeInvalid, `"Europe" is not a time zone`, zoneHint},
		{"an abbreviation", []string{"@daily"}, "PDT",
			crontopus.CodeInvalid, `"PDT" is not a time zone`, zoneHint},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			_, err := schedule.New(tt.exprs, tt.zone, seed)
			requireError(t, err, tt.code, tt.message, tt.hint)
		})
	}
}

const zoneHint = "write an IANA name such as UTC, Europe/Berlin or America/New_York"

func TestLocation(t *testing.T) {
	berlin, err := schedule.Location("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, "Europe/Berlin", berlin.String())
	_, err = schedule.Location("Europe/Bielefeld")
	requireError(t, err, crontopus.CodeInvalid, `"Europe/Bielefeld" is not a time zone`, zoneHint)
}

func TestManyMayShareASet(t *testing.T) {
	at := instant(t, "2026-03-29T00:00:00Z")
	want, _ := mustNew(t, "Europe/Vienna", "30 2 * * *").Next(at)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			set, err := schedule.New([]string{"30 2 * * *"}, "Europe/Vienna", seed)
			if err != nil {
				t.Error(err)
				return
			}
			if got, _ := set.Next(at); !got.Equal(want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	all.Wait()
}

func requireError(t *testing.T, err error, code, message, hint string) {
	t.Helper()
	require.EqualError(t, err, message)
	require.Equal(t, code, crontopus.ErrorCode(err))
	require.Equal(t, hint, crontopus.ErrorHint(err))
}
