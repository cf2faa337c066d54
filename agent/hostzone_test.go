package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The zone of the host, of its cron and of this process are most often one, and are told
// apart where they may not be.
func TestHostZone(t *testing.T) {
	const berlin = "the rules of Berlin"
	const unknown = "-"
	for _, c := range []struct {
		name     string
		link     string // /etc/localtime's target
		copied   string // or its content
		timezone string // /etc/timezone
		tz       string

		want          string
		cron, process string // where they are others
	}{
		{name: "nothing at all", want: "UTC"},
		{name: "a link", link: "/usr/share/zoneinfo/Europe/Berlin", want: "Europe/Berlin"},
		{name: "a relative link", link: "../usr/share/zoneinfo/Europe/Berlin", want: "Europe/Berlin"},
		{name: "a link to the posix variant", link: "/usr/share/zoneinfo/posix/Europe/Berlin", want: "Europe/Berlin"},
		{name: "a link to nothing", link: "/usr/share/zoneinfo/Gone", want: "UTC"},
		{name: "a link to a zone that Go does not know", link: "/usr/share/zoneinfo/Mars/Olympus"},
		{name: "a copy that /etc/timezone names", copied: berlin, timezone: "Europe/Berlin\n", want: "Europe/Berlin"},
		{name: "a copy, and /etc/timezone is wrong", copied: berlin, timezone: "Asia/Tokyo\n", want: "Europe/Berlin"},
		{name: "a copy with nothing to name it", copied: berlin, want: "Europe/Berlin"},
		{name: "a copy of nothing known", copied: "home-made"},
		{name: "our own TZ agrees", link: "/usr/share/zoneinfo/Europe/Berlin", tz: ":Europe/Berlin", want: "Europe/Berlin"},
		{name: "our own TZ is another name of the same", link: "/usr/share/zoneinfo/Europe/Berlin", tz: "Arctic/Longyearbyen", want: "Europe/Berlin", process: "Arctic/Longyearbyen"},
		{name: "our own TZ says otherwise", link: "/usr/share/zoneinfo/Europe/Berlin", tz: "Asia/Tokyo", want: "Europe/Berlin", cron: unknown, process: "Asia/Tokyo"},
		{name: "our own TZ is no zone's name", link: "/usr/share/zoneinfo/Europe/Berlin", tz: "CET-1CEST", want: "Europe/Berlin", cron: unknown, process: unknown},
		{name: "our own TZ is a path", link: "/usr/share/zoneinfo/Europe/Berlin", tz: ":/usr/share/zoneinfo/Asia/Tokyo", want: "Europe/Berlin", cron: unknown, process: "Asia/Tokyo"},
		{name: "our own TZ is the host's by its path", link: "/usr/share/zoneinfo/Europe/Berlin", tz: ":/etc/localtime", want: "Europe/Berlin"},
		{name: "a container with a TZ alone", tz: "Europe/Berlin", want: "UTC", cron: unknown, process: "Europe/Berlin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			write := func(name, data string) {
				path := filepath.Join(root, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(data), 0o644))
			}
			write("usr/share/zoneinfo/Europe/Berlin", berlin)
			write("usr/share/zoneinfo/Arctic/Longyearbyen", berlin)
			write("usr/share/zoneinfo/Asia/Tokyo", "the rules of Tokyo.")
			write("usr/share/zoneinfo/posix/Europe/Berlin", berlin)
			write("usr/share/zoneinfo/Mars/Olympus", "the rules of Mars")
			write("etc/hostname", "x")
			if c.copied != "" {
				write("etc/localtime", c.copied)
				require.NoError(t, os.Remove(filepath.Join(root, "usr/share/zoneinfo/Arctic/Longyearbyen")))
			}
			if c.link != "" {
				if filepath.IsAbs(c.link) {
					c.link = filepath.Join(root, c.link)
				}
				require.NoError(t, os.Symlink(c.link, filepath.Join(root, "etc/localtime")))
			}
			if c.timezone != "" {
				write("etc/timezone", c.timezone)
			}
			or := func(other string) string {
				if other == "" {
					return c.want
				}
				return strings.Trim(other, unknown)
			}
			host := hostFiles{root, c.tz}
			require.Equal(t, c.want, host.localtime(), "the host's")
			require.Equal(t, or(c.cron), host.cronZone(), "cron's")
			require.Equal(t, or(c.process), host.processZone(), "this process's")
		})
	}
}

// TestAZoneThatWasChangedUnderCron: Debian's cron keeps the offset that it began with until
// it is started again.
func TestAZoneThatWasChangedUnderCron(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"etc", "run"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	local, pid := filepath.Join(root, "etc/localtime"), filepath.Join(root, "run/crond.pid")
	require.NoError(t, os.Symlink("/usr/share/zoneinfo/Europe/Berlin", local))
	host := hostFiles{root: root}
	require.Equal(t, "Europe/Berlin", host.cronZone(), "no cron, no doubt")

	changed, err := os.Lstat(local)
	require.NoError(t, err)
	started := func(at time.Time) {
		require.NoError(t, os.WriteFile(pid, []byte("1\n"), 0o600))
		require.NoError(t, os.Chtimes(pid, at, at))
	}
	started(changed.ModTime().Add(-time.Second))
	require.Empty(t, host.cronZone(), "it may count in any")
	require.Equal(t, "Europe/Berlin", host.localtime(), "what the host's own zone is, is no question")
	started(changed.ModTime().Add(time.Second))
	require.Equal(t, "Europe/Berlin", host.cronZone(), "it was started again")
}
