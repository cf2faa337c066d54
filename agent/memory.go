package agent

import (
	"bufio"
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

// counted reads one counter of a file that has a name and a number in each line.
func counted(file, name string) (int64, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, is := strings.CutPrefix(lines.Text(), name+" "); is {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
