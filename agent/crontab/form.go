package crontab

import (
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/schedule"
)

// programName is what the agent's program is called, wherever it is installed.
const programName = "crontopus-agent"

// form is what an entry's lines start, see schedule.Starter.
type form struct {
	user       string // the user column of /etc/cron.d, "" where there is none
	executable string
	config     string // "" for the default
}

// entryLine takes a line of an entry apart: program and job. Runs, which start this program
// most often, do without: so it is compiled where it is needed.
var entryLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:@[a-z]+|(?:[^\s#=]+[ \t]+){4}[^\s#=]+)[ \t]+(?:[a-z_][-a-z0-9_]*[ \t]+)?(/\S+) exec (?:--config /\S+ )?([-a-z0-9]+/[-a-z0-9]+)$`)
})

// safePath is a path that cron and its shell both take as it stands, % aside.
var safePath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^/[A-Za-z0-9/._+@:,=%-]*$`) })

// check refuses paths that would need quoting.
func (f form) check() error {
	for _, path := range []string{f.executable, f.config} {
		if path != "" && !safePath().MatchString(path) {
			return crontopus.Errorf(crontopus.CodeInvalid, "the path %q cannot stand in a crontab", path).
				WithHint("use an absolute path of letters, digits and ._+@:,=%%-/ for the agent's program and configuration")
		}
	}
	return nil
}

// entry writes a job's lines, one for each time that the schedule needs.
func (f form) entry(job *crontopus.Job, cronZone string) (agent.Native, error) {
	set, err := schedule.Of(job)
	if err != nil {
		return agent.Native{}, err
	}
	lines := set.CronLines(cronZone, f.starter(), job.Name())
	return agent.Native{Job: job.Name(), Text: strings.Join(lines, "\n")}, nil
}

func (f form) starter() string { return schedule.Starter(f.user, f.executable, f.config) }

// job returns the job of an entry's line, whichever installation wrote it, and false for
// every other line.
func (f form) job(line string) (crontopus.JobName, bool) {
	parts := entryLine().FindStringSubmatch(line)
	if parts == nil {
		return crontopus.JobName{}, false
	}
	program, name := parts[1], parts[2]
	if program != schedule.CronPath(f.executable) && filepath.Base(program) != programName {
		return crontopus.JobName{}, false
	}
	job, err := crontopus.ParseJobName(name)
	return job, err == nil
}

// owns reports whether the line can only be an entry of ours.
func (f form) owns(line []byte) bool {
	_, ok := f.job(strings.TrimRight(string(line), "\r\n"))
	return ok
}
