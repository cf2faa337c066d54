package schedule_test

import (
	"testing"

	"github.com/stretchr/testify/require"
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
		{"host in another zone", []string{"30 2 * * *"}, "Europe/Berlin", "America/New_York", []string{"* * * * *"}, true},
		{"host in a zone that nobody knows", []string{"30 2 * * *"}, "UTC", "", []string{"* * * * *"}, true},
		{"host in a zone that does not exist", []string{"30 2 * * *"}, "UTC", "Nowhere/Land", []string{"* * * * *"}, true},
		{"two names of UTC", []string{"30 2 * * *"}, "UTC", "Etc/GMT", []string{"30 2 * * *"}, false},
		{"two names of New York", []string{"30 2 * * *"}, "US/Eastern", "America/New_York", []string{"30 2 * * *"}, false},
		{"two zones that have been alike since 1981 only", []string{"30 2 * * *"}, "Europe/Berlin", "Europe/Vienna", []string{"* * * * *"}, true},
		{"UTC, and a zone that is UTC in winter", []string{"30 2 * * *"}, "UTC", "Europe/London", []string{"* * * * *"}, true},
		{"names and macros become numbers", []string{"05  4\t* JAN-mar,dec Mon-fri/2", "@weekly"}, "UTC", "UTC", []string{"5 4 * 1-3,12 1-5/2", "0 0 * * 0"}, false},
		{"a leading star stays", []string{"*/15 * */2 * *,5"}, "UTC", "UTC", []string{"*/15 * */2 * *,5"}, false},
		{"a step of one says nothing", []string{"*/1 1-3/1 * * *"}, "UTC", "UTC", []string{"* 1-3 * * *"}, false},
		{"two spellings of one schedule", []string{"@daily", "0 0 * * *", "@midnight"}, "UTC", "UTC", []string{"0 0 * * *"}, false},
		{"several expressions through one gate", []string{"@daily", "@weekly"}, "UTC", "Asia/Tokyo", []string{"* * * * *"}, true},
		{"reboot needs no clock", []string{"@reboot", "@reboot"}, "UTC", "Asia/Tokyo", []string{"@reboot"}, false},
		{"reboot beside times", []string{"@reboot", "@daily"}, "UTC", "UTC", []string{"0 0 * * *", "@reboot"}, false},
		{"reboot beside times, gated", []string{"@reboot", "@daily"}, "UTC", "Asia/Tokyo", []string{"* * * * *", "@reboot"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			lines, gated := mustNew(t, tt.zone, tt.exprs...).Crontab(tt.host)
			require.Equal(t, tt.want, lines)
			require.Equal(t, tt.gated, gated)
		})
	}
}
