package importer

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// check is one of Healthchecks, as GET /api/v3/checks/ tells it.
type check struct {
	Name     string `json:"name"`
	Slug     string `json:"slug"`
	Tags     string `json:"tags"`
	Desc     string `json:"desc"`
	Status   string `json:"status"`
	Schedule string `json:"schedule"` // cron, or OnCalendar, several in lines
	Timezone string `json:"tz"`
	Timeout  int64  `json:"timeout"` // seconds between pings, where there is no schedule
	Grace    int64  `json:"grace"`
	Methods  string `json:"methods"`

	ManualResume bool   `json:"manual_resume"`
	SuccessWords string `json:"success_kw"`
	FailureWords string `json:"failure_kw"`
	StartWords   string `json:"start_kw"`
}

// toFill is what a job of a check runs until a person says what the check watches.
const toFill = `# The check knows when the job is due, not what it does. Write its command
# here (or as run.command), name its hosts in target, and take suspend out.
exit 1
`

// checks reads the answer of the API.
func (w *work) checks(in Input) {
	text, _ := decode(in.Data)
	var answer struct {
		Checks []json.RawMessage `json:"checks"`
	}
	trimmed := strings.TrimSpace(text)
	var err error
	switch {
	case strings.HasPrefix(trimmed, "["):
		err = json.Unmarshal([]byte(trimmed), &answer.Checks)
	default:
		err = json.Unmarshal([]byte(trimmed), &answer)
		if err == nil && answer.Checks == nil { // one check alone
			answer.Checks = []json.RawMessage{json.RawMessage(trimmed)}
		}
	}
	if err != nil {
		w.notKept(in.Name, 0, "save what GET /api/v3/checks/ answers", "it is no JSON of Healthchecks: %s", oneLine(err))
		return
	}
	if len(answer.Checks) == 0 {
		w.leftOut(in.Name, 0, "", "there are no checks in it")
	}
	from := 0
	for _, raw := range answer.Checks {
		line := 1
		if at := strings.Index(text[from:], string(raw)); at >= 0 {
			from += at
			line += strings.Count(text[:from], "\n")
		}
		var c check
		if err := json.Unmarshal(raw, &c); err != nil {
			w.notKept(in.Name, line, "", "the check cannot be read: %s", oneLine(err))
			continue
		}
		w.check(in.Name, line, &c)
	}
}

// check makes a job of a check, suspended: what it runs is not known.
func (w *work) check(file string, line int, c *check) {
	name := cmpOr(c.Name, c.Slug, "a check without a name")
	d := w.newDraft(file, line)
	d.source = []sourceLine{{number: line, text: name}}
	if s := cmpOr(slug(c.Slug), slug(c.Name)); s != "" {
		d.names = []string{s}
	}
	meta, spec := &d.job.Metadata, &d.job.Spec
	meta.Description = strings.TrimSpace(strings.ReplaceAll(c.Desc, "\r", ""))
	if meta.Description == "" && slug(c.Name) != strings.ToLower(c.Name) {
		meta.Description = c.Name
	}
	meta.Annotations = map[string]string{"healthchecks/name": name}
	if c.Tags != "" {
		meta.Annotations["healthchecks/tags"] = c.Tags
		meta.Labels = map[string]string{}
		for tag := range strings.FieldsSeq(c.Tags) {
			if labelKey().MatchString(tag) {
				meta.Labels[tag] = ""
			}
		}
	}
	if c.Grace > 0 && c.Grace <= int64(366*24*time.Hour/time.Second) {
		spec.Monitor.Grace = crontopus.Duration(time.Duration(c.Grace) * time.Second)
	}
	spec.Suspend = true
	spec.Run.Script = toFill
	for _, lost := range []struct {
		is   bool
		what string
	}{
		{c.Methods != "", "methods"}, {c.ManualResume, "manual_resume"}, {c.SuccessWords != "", "success_kw"}, {c.FailureWords != "", "failure_kw"}, {c.StartWords != "", "start_kw"},
	} {
		if lost.is {
			w.changed(file, line, "", "%s: %s has nothing like it in a manifest", shown(name), lost.what)
		}
	}
	if c.Status == "paused" {
		meta.Annotations["healthchecks/status"] = c.Status
	}
	if w.checkTimes(d, c, shown(name)) {
		w.notKept(file, line, "write its command in run, then take suspend out", "%s: a check does not say what it watches, so its job is suspended and runs nothing", shown(name))
		w.drafts = append(w.drafts, d)
	}
}

// labelKey is what a key of metadata.labels has to be.
var labelKey = lazily(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

// checkTimes says when the job is due, and reports whether there is a time.
func (w *work) checkTimes(d *draft, c *check, name string) bool {
	if c.Schedule == "" {
		expr, ok := period(c.Timeout)
		if !ok {
			w.notKept(d.file, d.line, "write a schedule by hand", "%s: a ping every %s comes at no times of the clock", name, crontopus.Duration(time.Duration(c.Timeout)*time.Second))
			return false
		}
		d.job.Spec.Schedule = crontopus.Schedules{expr}
		w.changed(d.file, d.line, "", "%s: a ping every %s at no certain time becomes a job at times that its name chooses (%s)", name, crontopus.Duration(time.Duration(c.Timeout)*time.Second), expr)
		return true
	}
	d.job.Spec.Timezone = cmpOr(c.Timezone, crontopus.DefaultTimezone)
	var reads union
	for line := range strings.SplitSeq(strings.TrimSpace(c.Schedule), "\n") {
		line = strings.TrimSpace(line)
		expr, reading, err := checkSchedule(line)
		if err != nil {
			w.notKept(d.file, d.line, crontopus.ErrorHint(err), "%s: the schedule %q: %s", name, line, err)
			return false
		}
		d.job.Spec.Schedule = append(d.job.Spec.Schedule, expr)
		reads = append(reads, reading)
	}
	d.job.Spec.Schedule = compact(d.job.Spec.Schedule)
	d.original, d.reads = reads, "healthchecks "+c.Schedule
	return true
}

// checkSchedule reads one line of a schedule: cron, or OnCalendar.
func checkSchedule(line string) (expr string, r *reading, err error) {
	if r, err = readVixie(line); err == nil {
		expr, err = rewrite(line)
		return expr, r, err
	}
	calendar, calendarErr := readCalendar(line)
	if calendarErr != nil || len(strings.Fields(line)) == 5 {
		return "", nil, err
	}
	if calendar.timezone != "" {
		return "", nil, fmt.Errorf("it names a time zone of its own")
	}
	exprs, err := calendar.expressions()
	if err != nil {
		return "", nil, err
	}
	return exprs[0], calendar.reading(), accept(exprs[0])
}

// period is a schedule that comes as often as a ping should.
func period(seconds int64) (expr string, ok bool) {
	minutes := seconds / 60
	switch {
	case seconds <= 0 || seconds%60 != 0:
		return "", false
	case minutes == 1:
		return "* * * * *", true
	case minutes < 60 && 60%minutes == 0:
		return fmt.Sprintf("H/%d * * * *", minutes), true
	case minutes == 60:
		return "H * * * *", true
	case minutes%60 == 0 && minutes < 24*60 && 24%(minutes/60) == 0:
		return fmt.Sprintf("H H/%d * * *", minutes/60), true
	case minutes == 24*60:
		return "H H * * *", true
	case minutes == 7*24*60:
		return "H H * * H", true
	}
	return "", false
}
