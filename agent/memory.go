package agent

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func (r *Runner) oomKills() int64 {
	if r.OOMKills != nil {
		return r.OOMKills()
	}
	return oomKills("/")
}

// oomKills is how often the kernel has ended a process for want of memory, as the system below
// root says: in the control group that this process and its jobs are in where there is one,
// else on the whole host; 0 where it does not say.
func oomKills(root string) int64 {
	files := []string{filepath.Join(root, "proc/vmstat")}
	if group, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup")); err == nil {
		for line := range strings.Lines(string(group)) {
			if path, v2 := strings.CutPrefix(strings.TrimSpace(line), "0::"); v2 {
				files = append([]string{filepath.Join(root, "sys/fs/cgroup", path, "memory.events")}, files...)
			}
		}
	}
	for _, file := range files {
		if n, ok := counted(file, "oom_kill"); ok {
			return n
		}
	}
	return 0
}

// counted reads one counter of a file that has a name and a number in each line. The kernel counts
// all of them anew for each read, so that one is to do.
func counted(file, name string) (int64, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	text := make([]byte, 32<<10)
	n, _ := io.ReadFull(f, text) // what could not be read does not count
	for line := range bytes.Lines(text[:n]) {
		if value, is := bytes.CutPrefix(line, []byte(name+" ")); is {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
