package importer

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"crontopus.dev/crontopus"
)

// systemd reads timers with the services that they start.
func (w *work) systemd(inputs []Input) {
	units := map[string]*unit{}
	var order []*unit
	dropIn := func(in Input) bool { return strings.HasSuffix(path.Dir(in.Name), ".d") }
	inputs = slices.Clone(inputs)
	slices.SortStableFunc(inputs, func(a, b Input) int { // what is added comes after what it is added to
		switch {
		case dropIn(a) == dropIn(b):
			return 0
		case dropIn(b):
			return -1
		}
		return 1
	})
	for _, in := range inputs {
		u := w.readUnit(in)
		switch there := units[u.name]; {
		case there == nil:
			units[u.name] = u
			order = append(order, u)
		case dropIn(in):
			there.directives = append(there.directives, u.directives...)
			there.lines = append(there.lines, u.lines...)
		default:
			w.leftOut(in.Name, 0, "", "%s is read from %s", u.name, shown(there.file))
		}
	}
	for _, u := range order {
		if path.Ext(u.name) == ".timer" {
			w.timer(u, units)
		}
	}
	for _, u := range order {
		if path.Ext(u.name) != ".timer" && !u.used {
			w.leftOut(u.file, 0, "", "no timer here starts %s", shown(u.name))
		}
	}
}

// timer makes a job of a timer.
func (w *work) timer(timer *unit, units map[string]*unit) {
	stem := strings.TrimSuffix(timer.name, ".timer")
	if strings.HasSuffix(stem, "@") {
		w.leftOut(timer.file, 0, "copy it to a file that names the instance, such as "+stem+"main.timer", "%s is a template, which nothing starts without an instance", timer.name)
		return
	}
	serviceName := stem + ".service"
	if named := timer.last("Timer", "Unit"); named != "" {
		serviceName = named
	}
	service := units[serviceName]
	instance := ""
	if prefix, rest, found := strings.Cut(strings.TrimSuffix(serviceName, ".service"), "@"); service == nil && found {
		service, instance = units[prefix+"@.service"], rest
	}
	if service == nil {
		w.notKept(timer.file, 0, "name that file, too", "%s starts %s, which is not here", timer.name, serviceName)
		return
	}
	service.used = true
	d := w.newDraft(timer.file, 1)
	d.names = append([]string{slug(stem)}, wordsOf(service.last("Service", "ExecStart"))...)
	d.source = append(slices.Clone(timer.lines), service.lines...)
	d.job.Metadata.Description = cmpOr(service.last("Unit", "Description"), timer.last("Unit", "Description"))
	if !w.timerTimes(d, timer) {
		return
	}
	s := &unitService{work: w, unit: service, draft: d, specifiers: specifiersOf(serviceName, instance)}
	if description, err := s.expand(d.job.Metadata.Description); err == nil {
		d.job.Metadata.Description = description
	}
	if !s.fill() {
		return
	}
	w.drafts = append(w.drafts, d)
}

func cmpOr(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// timerTimes says when the job runs, and reports whether there is a time.
func (w *work) timerTimes(d *draft, timer *unit) bool {
	var reads union
	zones := map[string]bool{}
	for _, at := range timer.all("Timer", "OnCalendar") {
		c, err := readCalendar(at.value)
		var exprs []string
		if err == nil {
			exprs, err = c.expressions()
		}
		if err == nil {
			err = accept(exprs[0])
		}
		if err != nil {
			w.notKept(at.file, at.line, crontopus.ErrorHint(err), "OnCalendar=%s: %s", at.value, err)
			continue
		}
		if c.second > 0 {
			w.changed(at.file, at.line, "", "the second %d is left out: each run begins that much earlier", c.second)
		}
		zones[c.timezone] = true
		if c.timezone != "" {
			d.job.Spec.Timezone = c.timezone
		}
		reads = append(reads, c.reading())
		d.job.Spec.Schedule = append(d.job.Spec.Schedule, exprs...)
		d.reads += "systemd " + at.value + "\n"
	}
	if len(zones) > 1 {
		w.notKept(timer.file, d.line, "make a timer for each zone", "%s has times in several time zones, and a job has one", timer.name)
		return false
	}
	d.job.Spec.Schedule = compact(d.job.Spec.Schedule)
	for _, t := range timer.directives {
		if t.section == "Timer" {
			w.timerDirective(d, t)
		}
	}
	d.original = reads
	if len(d.job.Spec.Schedule) == 0 {
		w.notKept(timer.file, d.line, "write a schedule by hand", "%s has no time that a schedule can say", timer.name)
		return false
	}
	return true
}

// compact leaves out what is said twice.
func compact(list crontopus.Schedules) (out crontopus.Schedules) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *work) timerDirective(d *draft, t directive) {
	changed := func(format string, args ...any) { w.changed(t.file, t.line, "", format, args...) }
	switch t.key {
	case "OnCalendar", "Unit", "FixedRandomDelay":
	case "Persistent":
		if isYes(t.value) {
			d.job.Spec.Monitor.CatchUp = crontopus.CatchUpOnce
		}
	case "RandomizedDelaySec":
		if span, ok := parseSpan(t.value); ok && span > 0 {
			d.job.Spec.Run.Splay = span
			changed("RandomizedDelaySec=%s: each host waits the same part of it every time (run.splay)", t.value)
		}
	case "OnBootSec", "OnStartupSec":
		if t.value == "" {
			return
		}
		d.job.Spec.Schedule = compact(append(d.job.Spec.Schedule, "@reboot"))
		d.reads += "boot\n"
		if span, ok := parseSpan(t.value); !ok || span > 0 {
			changed("%s=%s: the job runs when the host starts, without that delay", t.key, t.value)
		}
	case "AccuracySec":
		changed("AccuracySec=%s: runs begin at their minute", t.value)
	case "OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec":
		if t.value != "" {
			w.notKept(t.file, t.line, "write a schedule with a step, such as */15 * * * *", "%s=%s counts from the last run, and a schedule from the clock", t.key, t.value)
		}
	default:
		changed("%s=%s has nothing like it in a manifest", t.key, t.value)
	}
}

// unitService reads what a service runs.
type unitService struct {
	*work
	unit       *unit
	draft      *draft
	specifiers map[byte]string
}

// specifiersOf are those that depend on the unit's name alone.
func specifiersOf(name, instance string) map[byte]string {
	prefix, _, _ := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
	return map[byte]string{'%': "%", 'n': name, 'N': strings.TrimSuffix(name, ".service"), 'p': prefix, 'P': prefix, 'i': instance, 'I': strings.ReplaceAll(instance, "-", "/")}
}

// fill makes the job's run of the service, and reports whether there is anything to run.
func (s *unitService) fill() bool {
	run := &s.draft.job.Spec.Run
	if !strings.Contains(s.unit.file, "/user/") {
		run.User = "root" // who runs what names nobody
	}
	var commands []execLine
	for _, key := range []string{"ExecStartPre", "ExecStart", "ExecStartPost"} {
		for _, e := range s.unit.all("Service", key) {
			parsed, err := s.execLines(e.value)
			if err != nil {
				s.notKept(e.file, e.line, "write the command by hand", "%s: %s", key, err)
				return false
			}
			for _, c := range parsed {
				if c.note != "" {
					s.changed(e.file, e.line, "", "%s", c.note)
				}
			}
			commands = append(commands, parsed...)
		}
	}
	if len(s.unit.all("Service", "ExecStart")) == 0 {
		s.notKept(s.unit.file, 1, "", "%s starts nothing: it has no ExecStart", s.unit.name)
		return false
	}
	setExec(run, commands)
	for _, e := range s.unit.directives {
		if e.section == "Service" || e.section == "Unit" && e.key != "Description" {
			s.directive(run, e)
		}
	}
	return true
}

// directive takes in an assignment that is not about what is started.
func (s *unitService) directive(run *crontopus.RunSpec, e directive) {
	value, err := s.expand(e.value)
	if err != nil {
		s.changed(e.file, e.line, "", "%s: %s", e.key, err)
		return
	}
	switch e.key {
	case "ExecStart", "ExecStartPre", "ExecStartPost", "Documentation", "SyslogIdentifier", "StandardOutput", "StandardError", "TimeoutStopSec", "KillMode":
	case "Type":
		if !slices.Contains([]string{"oneshot", "simple", "exec", ""}, value) {
			s.changed(e.file, e.line, "", "Type=%s: a job ends when what it started ends", value)
		}
	case "User":
		run.User = value
	case "WorkingDirectory":
		if value = strings.TrimPrefix(value, "-"); path.IsAbs(value) {
			run.WorkingDirectory = value
		} else if value != "~" && value != "" { // ~ is where a job starts anyway
			s.changed(e.file, e.line, "", "WorkingDirectory=%s is no whole path", value)
		}
	case "Environment":
		s.environment(run, e, value)
	case "TimeoutStartSec", "RuntimeMaxSec", "TimeoutSec":
		if span, ok := parseSpan(value); ok && span > 0 {
			run.Timeout = span
		} else if value != "infinity" && value != "0" {
			s.changed(e.file, e.line, "", "%s=%s is not understood", e.key, value)
		}
	case "SuccessExitStatus":
		s.exitCodes(run, e, value)
	case "EnvironmentFile":
		s.notKept(e.file, e.line, "put what is secret into run.secrets and the rest into run.environment", "EnvironmentFile=%s: its variables are on the host", value)
	default:
		s.changed(e.file, e.line, "", "%s=%s has nothing like it in a manifest", e.key, value)
	}
}

func (s *unitService) environment(run *crontopus.RunSpec, e directive, value string) {
	words, err := splitWords(value)
	variables := map[string]string{}
	for _, word := range words {
		name, v, found := strings.Cut(word, "=")
		if !found || !variableName().MatchString(name) {
			err = strconv.ErrSyntax
			break
		}
		variables[name] = v
	}
	if err != nil {
		s.notKept(e.file, e.line, "write it into run.environment", "Environment=%s is not understood", value)
		return
	}
	if run.Environment == nil {
		run.Environment = map[string]string{}
	}
	maps.Copy(run.Environment, variables)
}

func (s *unitService) exitCodes(run *crontopus.RunSpec, e directive, value string) {
	codes := append([]int{0}, run.SuccessExitCodes...)
	for word := range strings.FieldsSeq(value) {
		code, err := strconv.Atoi(word)
		if err != nil || code < 0 || code > 255 {
			s.changed(e.file, e.line, "", "SuccessExitStatus: %s is no number, and left out", word)
			continue
		}
		codes = append(codes, code)
	}
	slices.Sort(codes)
	run.SuccessExitCodes = slices.Compact(codes)
}
