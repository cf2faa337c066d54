package schedule_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

func TestWhatACrontabStarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ user, executable, config, want string }{
		{"", "/usr/bin/crontopus-agent", "", "/usr/bin/crontopus-agent exec"},
		{"root", "/usr/bin/crontopus-agent", "", "root /usr/bin/crontopus-agent exec"},
		{"", "/opt/a%b/agent", "/etc/100%.yaml", `/opt/a\%b/agent exec --config /etc/100\%.yaml`},
	} {
		require.Equal(t, c.want, schedule.Starter(c.user, c.executable, c.config))
	}
}

func TestAJobHasALineForEachTime(t *testing.T) {
	t.Parallel()
	job := crontopus.JobName{Namespace: "default", Name: "b"}
	set, err := schedule.New([]string{"0 6 * * *", "@reboot"}, "Europe/Berlin", job.String())
	require.NoError(t, err)
	require.Equal(t, []string{"0 6 * * * root /agent exec default/b", "@reboot root /agent exec default/b"},
		set.CronLines("Europe/Berlin", "root /agent exec", job))
	require.Equal(t, []string{"0 * * * * /agent exec default/b", "@reboot /agent exec default/b"},
		set.CronLines("UTC", "/agent exec", job), "a host in another zone is asked every hour")
}
