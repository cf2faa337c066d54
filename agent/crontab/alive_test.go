package crontab_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/agent/crontab"
)

func TestWhetherACronDaemonRuns(t *testing.T) {
	const dead = "no cron daemon is running (/usr/sbin/cron)"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"none is installed: it may run outside of this container", map[string]string{"proc/1/stat": "1 (init) S 0"}, ""},
		{"it does not run", map[string]string{"usr/sbin/cron": "", "proc/1/stat": "1 (init) S 0", "proc/self": ""}, dead},
		{"another distribution's", map[string]string{"usr/sbin/crond": "", "proc/1/stat": "1 (init) S 0"}, "no cron daemon is running (/usr/sbin/crond)"},
		{"it runs", map[string]string{"usr/sbin/cron": "", "proc/1/stat": "1 (init) S 0", "proc/77/stat": "77 (cron) S 1"}, ""},
		{"it is the container's first process", map[string]string{"usr/sbin/cron": "", "proc/1/stat": "1 (cron) S 0"}, ""},
		{"its process id tells", map[string]string{"usr/sbin/cron": "", "run/crond.pid": "77\n", "proc/77/stat": "77 (cron) S 1"}, ""},
		{"its process id is another's now", map[string]string{"usr/sbin/cron": "", "run/crond.pid": "77\n", "proc/1/stat": "1 (init) S 0", "proc/77/stat": "77 (nginx) S 1"}, dead},
		{"it died, and nobody has looked", map[string]string{"usr/sbin/cron": "", "proc/1/stat": "1 (init) S 0", "proc/77/stat": "77 (cron) Z 1"}, dead},
		{"other users' processes are hidden", map[string]string{"usr/sbin/cron": "", "proc/77/stat": "77 (bash) S 1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for path, content := range c.files {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			}
			s, err := crontab.New(crontab.Options{Root: root, File: filepath.Join(root, "crontab"), Executable: "/usr/bin/crontopus-agent"})
			require.NoError(t, err)
			require.Equal(t, c.want, s.Dead())
		})
	}
}
