package schedule

import (
	"strings"

	"crontopus.dev/crontopus"
)

// Starter is what stands between the times and the job in a crontab's line of ours:
//
//	TIME [USER] /abs/path/crontopus-agent exec [--config PATH] NAMESPACE/NAME
//
// The user is the column of /etc/cron.d, "" where there is none; the configuration is "" for
// the default. The job's command is not in the line, so nothing that a manifest says needs
// quoting there.
func Starter(user, executable, config string) string {
	var words []string
	if user != "" {
		words = append(words, user)
	}
	words = append(words, CronPath(executable), "exec")
	if config != "" {
		words = append(words, "--config", CronPath(config))
	}
	return strings.Join(words, " ")
}

// CronPath is a path as a crontab has it: cron takes a bare % for the end of the command.
func CronPath(path string) string { return strings.ReplaceAll(path, "%", `\%`) }

// CronLines returns a job's lines in the crontab of a host in the named zone, see Crontab,
// one for each time that the schedule needs.
func (s *Set) CronLines(hostZone, starter string, job crontopus.JobName) []string {
	lines, _ := s.Crontab(hostZone)
	for i, times := range lines {
		lines[i] = times + " " + starter + " " + job.String()
	}
	return lines
}
