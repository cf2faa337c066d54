package cli

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests/importer"
)

// host is what lies on one.
var host = fstest.MapFS{
	"etc/crontab":                                  {Data: []byte("0 1 * * * root /opt/system\n")},
	"etc/cron.d/app":                               {Data: []byte("0 2 * * * app /opt/app\n")},
	"etc/cron.d/app.dpkg-old":                      {Data: []byte("0 2 * * * app /opt/old\n")},
	"etc/cron.d/.placeholder":                      {Data: []byte("# nothing\n")},
	"var/spool/cron/crontabs/alice":                {Data: []byte("0 3 * * * /opt/alice\n")},
	"var/spool/cron/crontabs/tmp.XyZ":              {Data: []byte("half")},
	"etc/systemd/system/a.timer":                   {Data: []byte("[Timer]\nOnCalendar=daily\n")},
	"etc/systemd/system/a.timer.d/often.conf":      {Data: []byte("[Timer]\nOnCalendar=\nOnCalendar=hourly\n")},
	"etc/systemd/system/a.service":                 {Data: []byte("[Service]\nExecStart=/opt/a\n")},
	"etc/systemd/system/a.service.d/README":        {Data: []byte("not read")},
	"etc/systemd/system/timers.target.wants/b":     {Data: []byte("not read")},
	"usr/local/lib/systemd/system/c@.service":      {Data: []byte("[Service]\nExecStart=/opt/c %i\n")},
	"usr/local/lib/systemd/system/c@main.timer":    {Data: []byte("[Timer]\nOnCalendar=weekly\n")},
	"usr/local/lib/systemd/system/c@main.socket":   {Data: []byte("not read")},
	"usr/local/lib/systemd/system/c@main.timer.d":  {Mode: 0o644},
	"usr/local/lib/systemd/system/unrelated.mount": {Data: []byte("not read")},
}

func names(inputs []importer.Input) (names []string) {
	for _, in := range inputs {
		names = append(names, in.Name)
	}
	return names
}

func TestWhatAHostHoldsIsFoundWhereItsSchedulersLook(t *testing.T) {
	t.Parallel()
	system, err := systemCrontabs(host)
	require.NoError(t, err)
	require.Equal(t, []string{"/etc/crontab", "/etc/cron.d/app"}, names(system))
	require.True(t, system[0].Users && system[1].Users)

	users, err := userCrontabs(host)
	require.NoError(t, err)
	require.Equal(t, []string{"/var/spool/cron/crontabs/alice"}, names(users))
	require.Equal(t, "alice", users[0].Owner)

	units, err := unitFiles(host)
	require.NoError(t, err)
	require.Equal(t, []string{
		"/etc/systemd/system/a.service", "/etc/systemd/system/a.timer", "/etc/systemd/system/a.timer.d/often.conf",
		"/usr/local/lib/systemd/system/c@.service", "/usr/local/lib/systemd/system/c@main.timer",
	}, names(units))
	result, err := importer.Import(importer.Systemd, units, importer.Options{Timezone: "UTC"})
	require.NoError(t, err)
	require.Empty(t, result.Jobs, "without a target no manifest is valid")
	require.Equal(t, 2, result.Lost())
}

func TestAHostWithoutSchedulersHoldsNothing(t *testing.T) {
	t.Parallel()
	for _, read := range []func(fstest.MapFS) ([]importer.Input, error){
		func(fsys fstest.MapFS) ([]importer.Input, error) { return systemCrontabs(fsys) },
		func(fsys fstest.MapFS) ([]importer.Input, error) { return userCrontabs(fsys) },
		func(fsys fstest.MapFS) ([]importer.Input, error) { return unitFiles(fsys) },
	} {
		inputs, err := read(fstest.MapFS{"etc/hostname": {Data: []byte("bare\n")}})
		require.NoError(t, err)
		require.Empty(t, inputs)
	}
}

func TestWhereACrontabLiesSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	require.True(t, placed(importer.Input{}, "/etc/crontab").Users)
	require.True(t, placed(importer.Input{}, "/etc/cron.d/app").Users)
	require.Equal(t, "bob", placed(importer.Input{}, "/var/spool/cron/bob").Owner)
	require.Equal(t, "eve", placed(importer.Input{Owner: "eve"}, "/var/spool/cron/crontabs/bob").Owner)
	require.Equal(t, importer.Input{}, placed(importer.Input{}, "/home/bob/crontab"))
}
