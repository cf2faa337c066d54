package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHostZone(t *testing.T) {
	const berlin = "the rules of Berlin"
	for _, c := range []struct {
		name     string
		link     string // /etc/localtime's target
		copied   string // or its content
		timezone string // /etc/timezone
		tz, want string
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
		{name: "our own TZ is another name of the same", link: "/usr/share/zoneinfo/Europe/Berlin", tz: "Arctic/Longyearbyen", want: "Europe/Berlin"},
		{name: "our own TZ says otherwise", link: "/usr/share/zoneinfo/Europe/Berlin", tz: "Asia/Tokyo"},
		{name: "our own TZ is no zone's name", link: "/usr/share/zoneinfo/Europe/Berlin", tz: "CET-1CEST"},
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
			require.Equal(t, c.want, hostZone(root, c.tz))
		})
	}
}
