package crontab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What cron daemons are called, and where they lie and leave their process id.
var (
	daemons  = []string{"cron", "crond", "fcron", "dcron"}
	folders  = []string{"usr/sbin", "usr/bin", "sbin"}
	pidFiles = []string{"run/crond.pid", "run/cron.pid", "run/cron/cron.pid", "run/crond/crond.pid"}
)

// Dead says why nobody starts the entries: a cron daemon lies on this host and does not run. It
// says nothing where that cannot be known: the daemon may run outside of this container, or
// other users' processes may be hidden.
func (s *Scheduler) Dead() string {
	root := or(s.root, "/")
	program := installed(root)
	if program == "" || running(root) {
		return ""
	}
	return "no cron daemon is running (" + program + ")"
}

func installed(root string) string {
	for _, folder := range folders {
		for _, name := range daemons {
			if _, err := os.Stat(filepath.Join(root, folder, name)); err == nil {
				return "/" + folder + "/" + name
			}
		}
	}
	return ""
}

// running reports whether a cron daemon runs, or may do so unseen.
func running(root string) bool {
	for _, file := range pidFiles {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err == nil && isDaemon(root, strings.TrimSpace(string(text))) {
			return true
		}
	}
	if _, err := os.Stat(filepath.Join(root, "proc/1")); err != nil {
		return true // who hides the first hides others, too
	}
	processes, err := os.ReadDir(filepath.Join(root, "proc"))
	if err != nil {
		return true
	}
	return slices.ContainsFunc(processes, func(e os.DirEntry) bool { return isDaemon(root, e.Name()) })
}

// isDaemon reports whether the process is a cron daemon, or may be one that is hidden.
func isDaemon(root, pid string) bool {
	if _, err := strconv.Atoi(pid); err != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join(root, "proc", pid, "stat")) // 12 (cron) S …
	_, rest, _ := strings.Cut(string(stat), "(")
	name, rest, _ := strings.Cut(rest, ") ")
	return errors.Is(err, fs.ErrPermission) || slices.Contains(daemons, name) && !strings.HasPrefix(rest, "Z")
}
