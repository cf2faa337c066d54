package agent

import (
	"os"
	"strconv"
	"strings"
)

// processStart returns when a process began, as the kernel counts, and "" if it has ended.
func processStart(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The name, in brackets, may hold anything; what follows it is plain: state is the third of proc(5)'s
	// fields, the start the twenty-second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
