package importer

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// Limits of one crontab.
const (
	maxLines     = 50_000
	maxVariables = 256
)

// Marks of the lines that an agent keeps in a crontab.
const (
	beginOurs = "# BEGIN crontopus"
	endOurs   = "# END crontopus"
)

// table is a crontab while it is read.
type table struct {
	*work
	Input
	settings []variable
	zone     string
	zoneLost int          // the line of a CRON_TZ that nobody knows, 0 for none: what follows is not kept
	comments []sourceLine // right above, and only settings between
	loose    []sourceLine // further above
	last     *draft
	mailed   bool // what is to be said of MAILTO has been said
	unmailed bool // … and of jobs without it
}

// variable is a setting that is in force.
type variable struct {
	name, value string
	line        sourceLine
	used        bool
}

// crontab reads a crontab.
func (w *work) crontab(in Input) {
	data := string(in.Data)
	if strings.Count(data, "\n") >= maxLines {
		w.notKept(in.Name, 0, "split it", "the crontab has more than %d lines", maxLines)
		return
	}
	t := &table{work: w, Input: in, zone: w.Timezone}
	lines := strings.Split(strings.TrimPrefix(data, "\ufeff"), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	} else if data != "" {
		w.leftOut(in.Name, len(lines), "", "the last line has no end, and Debian's cron reads no such crontab; it is imported all the same")
	}
	ours, carriage := false, 0
	for i, raw := range lines {
		line, latin1 := decode([]byte(raw))
		if cut, found := strings.CutSuffix(line, "\r"); found {
			line = cut
			if carriage++; carriage == 1 {
				w.leftOut(in.Name, i+1, "", "lines end as Windows ends them; what cron takes for a part of each command is left out")
			}
		}
		switch strings.TrimSpace(line) {
		case beginOurs:
			ours = true
			w.leftOut(in.Name, i+1, "", "an agent keeps the lines from here to %q; they are in Git already", endOurs)
		case endOurs:
			ours = false
			continue
		}
		if !ours {
			t.line(sourceLine{number: i + 1, text: line}, latin1)
		}
	}
	t.end()
}

func (t *table) line(l sourceLine, latin1 bool) {
	text := strings.Trim(l.text, " \t")
	switch {
	case text == "":
		t.loose = append(t.loose, t.comments...)
		t.comments = nil
		return
	case strings.HasPrefix(text, "#"):
		t.comment(l, text, latin1)
		return
	}
	if name, value, ok := setting(l.text); ok {
		t.set(l, name, value)
		return
	}
	if quiet := strings.TrimPrefix(text, "-"); quiet != text && quiet != "" && strings.ContainsAny(quiet[:1], "*0123456789@") {
		t.leftOut(t.Name, l.number, "", "the - in front, which keeps a line out of cron's log, is left out")
		text = quiet
	}
	d, problem, hint := t.entry(l, strings.TrimLeft(text+l.text[len(strings.TrimRight(l.text, " \t")):], " \t"))
	if t.zoneLost > 0 && d != nil {
		d, problem = nil, fmt.Sprintf("its times are in the zone of line %d, which nobody knows", t.zoneLost)
		hint = "correct CRON_TZ in that line, or import with --ignore-cron-tz"
	}
	if d == nil {
		t.notKept(t.Name, l.number, hint, "%s", problem)
		t.loose = append(t.loose, t.comments...)
		t.comments = nil
		return
	}
	t.add(d, l, latin1)
}

// add takes in a job with all that belongs to it.
func (t *table) add(d *draft, l sourceLine, latin1 bool) {
	if latin1 {
		t.changed(t.Name, l.number, "check the names in it", "the line is no UTF-8; it is taken for Latin-1, and its characters are other bytes from now on")
	}
	description, beside := describe(t.comments)
	d.job.Metadata.Description = description
	d.comments = t.comments
	d.source = append(append(t.loose, beside...), d.source...)
	t.loose, t.comments = nil, nil
	for i := range t.settings {
		v := &t.settings[i]
		v.used = true
		d.source = append(d.source, v.line)
	}
	d.source = append(d.source, l)
	t.drafts = append(t.drafts, d)
	t.last = d
}

// entry makes a job of a line. Where it cannot, it says why.
func (t *table) entry(l sourceLine, text string) (d *draft, problem, hint string) {
	if anacrontab().MatchString(text) {
		return nil, "this is a line of an anacrontab, which counts days and names no times", "write a job with @daily, @weekly or @monthly, and monitor.catchUp: once for what the host sleeps through"
	}
	e, missing := splitEntry(text, t.Users)
	if missing != "" {
		if settingLike().MatchString(text) {
			return nil, "the setting is not understood: something follows its quotes, or they have no end", "put quotes around the whole value, or none"
		}
		return nil, missing, ""
	}
	if strings.Contains(e.schedule, "~") {
		return nil, "~ is another minute each time that cron starts", "write H and the range in parentheses, such as H(0-30): it stays the same for a job"
	}
	reboot := e.schedule == "@reboot"
	var reads original = never{}
	expr := e.schedule
	if !reboot {
		reading, err := readVixie(e.schedule)
		if err != nil {
			return nil, err.Error(), crontopus.ErrorHint(accept(e.schedule))
		}
		reads = reading
		if expr, err = rewrite(e.schedule); err != nil {
			return nil, err.Error(), crontopus.ErrorHint(err)
		}
	}
	d = t.newDraft(t.Name, l.number)
	d.original, d.reads = reads, e.schedule
	d.job.Spec.Schedule = crontopus.Schedules{expr}
	d.job.Spec.Timezone = t.zone
	if expr != e.schedule {
		t.problem(t.Name, l.number, CodeRewritten, crontopus.SeverityNotice, "", "cron reads %q as %q, and so the manifest says it", e.schedule, expr)
	}
	run := &d.job.Spec.Run
	run.Concurrency = crontopus.ConcurrencyAllow // cron starts a job whether or not it still runs
	run.User = e.user
	if !t.Users {
		run.User = t.Owner
	}
	shell, mailed := "", false
	for _, v := range t.settings {
		if run.Environment == nil {
			run.Environment = map[string]string{}
		}
		run.Environment[v.name] = v.value
		switch v.name {
		case "SHELL":
			shell = v.value
		case "HOME":
			run.WorkingDirectory = v.value
		case "MAILTO":
			mailed = true
			run.Passthrough = v.value != ""
		case randomDelay:
			run.Splay = delay(v.value)
		}
	}
	if !mailed && !t.unmailed {
		t.unmailed = true
		t.leftOut(t.Name, l.number, "", "cron mails what a job without MAILTO prints to its user; here it is kept with each run, and run.passthrough would mail it, too")
	}
	setCommand(run, e.command, e.stdin, shell)
	d.names = wordsOf(e.command)
	return d, "", ""
}

const randomDelay = "RANDOM_DELAY" // of cronie: minutes

// set takes a setting in; it is in force from here on.
func (t *table) set(l sourceLine, name, value string) {
	kept := func(format string, args ...any) { t.changed(t.Name, l.number, "", format, args...) }
	switch {
	case !variableName().MatchString(name):
		t.notKept(t.Name, l.number, "set it in a script that then starts the program", "%q is no name that a manifest's environment can have", name)
		return
	case name == "LOGNAME":
		t.leftOut(t.Name, l.number, "", "cron sets LOGNAME itself, whatever a crontab says")
		return
	case name == "CRON_TZ" && value == "" && !t.IgnoreCronTZ:
		t.zone, t.zoneLost = t.Timezone, 0
		kept("the times from here on are as before any CRON_TZ again, as cronie reads an empty one")
	case name == "CRON_TZ" && !t.IgnoreCronTZ:
		if _, err := schedule.Location(value); err != nil {
			t.notKept(t.Name, l.number, crontopus.ErrorHint(err), "CRON_TZ: %s", err)
			t.zoneLost = l.number
			return
		}
		t.zone, t.zoneLost = value, 0
		kept("the times from here on are in %s, as cronie reads them; Debian's cron passes CRON_TZ over (then import with --ignore-cron-tz)", value)
	case name == "CRON_TZ":
		kept("CRON_TZ=%s is only a variable of the jobs, as Debian's cron has it", value)
	case name == "SHELL" && !path.IsAbs(value), name == "HOME" && !path.IsAbs(value):
		t.notKept(t.Name, l.number, "write a whole path", "%s=%s is no whole path", name, value)
		return
	case name == "MAILTO" && value != "" && !t.mailed:
		t.mailed = true
		kept("MAILTO: the agent hands what a job prints to cron (run.passthrough), which mails it to whom the crontab of the agent names; alerts and the output kept with each run need no mail")
	case name == randomDelay && delay(value) > 0:
		kept("RANDOM_DELAY: each host waits the same part of %s every time (run.splay), not another one each day", delay(value))
	}
	v := variable{name: name, value: value, line: l}
	if i := slices.IndexFunc(t.settings, func(v variable) bool { return v.name == name }); i >= 0 {
		t.overridden(t.settings[i])
		t.settings[i] = v
	} else if len(t.settings) == maxVariables {
		t.notKept(t.Name, l.number, "split the crontab", "the crontab sets more than %d variables", maxVariables)
	} else {
		t.settings = append(t.settings, v)
	}
}

// anacrontab is a line of that file: days, minutes to wait, a name, a command. What cron would
// make of those with @daily is a user, or a command, that is a number.
var anacrontab = lazily(`^(\d+|@(daily|weekly|monthly|yearly|annually))[ \t]+\d+[ \t]+[A-Za-z][\w.-]{2,}[ \t]+[A-Za-z/\[]`)

// settingLike is a line that sets something, or was meant to.
var settingLike = lazily(`^[A-Za-z_][A-Za-z0-9_]*[ \t]*=`)

// variableName is what a name in run.environment has to be.
var variableName = lazily(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func delay(minutes string) crontopus.Duration {
	n, err := strconv.Atoi(minutes)
	if err != nil || n < 1 || n > 24*60 {
		return 0
	}
	d, _ := crontopus.ParseDuration(minutes + "m")
	return d
}

func (t *table) overridden(v variable) {
	if !v.used {
		t.leftOut(t.Name, v.line.number, "", "no job follows before %s is set anew", v.name)
	}
}

// end says what is left when all lines are read.
func (t *table) end() {
	rest := append(t.loose, t.comments...)
	if t.last != nil {
		t.last.source = append(t.last.source, rest...)
		rest = nil
	}
	for _, c := range rest {
		t.leftOut(t.Name, c.number, "", "a comment without a job: %s", shown(strings.TrimSpace(c.text)))
	}
	for _, v := range t.settings {
		if !v.used {
			t.leftOut(t.Name, v.line.number, "", "no job follows that %s is set for", v.name)
		}
	}
}

// comment takes in a comment, and a job that is commented out if the options say so.
func (t *table) comment(l sourceLine, text string, latin1 bool) {
	text = strings.TrimLeft(text, "# \t")
	switch {
	case !t.isEntry(l, text):
		t.comments = append(t.comments, l)
	case !t.CommentedOut:
		t.leftOut(t.Name, l.number, "import with --commented-out to keep such jobs, suspended", "a job that is commented out")
		t.loose = append(append(t.loose, t.comments...), l)
		t.comments = nil
	default:
		d, _, _ := t.entry(l, text)
		d.job.Spec.Suspend = true
		t.add(d, l, latin1)
	}
}

// isEntry reports whether the text of a comment would start something. What Debian shows by
// way of example would, too.
func (t *table) isEntry(l sourceLine, text string) bool {
	if text == "" || !strings.ContainsAny(text[:1], "*0123456789@") || slices.Contains(examples, strings.Join(strings.Fields(text), " ")) {
		return false
	}
	d, _, _ := t.quietly().entry(l, text)
	return d != nil
}

// examples are in the comments of crontabs that Debian makes.
var examples = []string{"* * * * * user-name command to be executed", "0 5 * * 1 tar -zcf /var/backups/home.tgz /home/"}

// quietly is the table for trying something: what it says is heard by nobody.
func (t *table) quietly() *table {
	trial := *t
	trial.work = &work{Options: t.Options}
	return &trial
}

// maxDescription is how long a description may be, in characters.
const maxDescription = 4096

// heading names the columns, in the crontabs that Debian makes.
var heading = lazily(`^#\s*m\s+h\s+dom\s+mon\s+dow\s+(user\s+)?command\s*$`)

// describe makes a description of the comments above a job. Lines that only draw something
// are not a part of it, nor what is too much.
func describe(comments []sourceLine) (text string, beside []sourceLine) {
	var lines []string
	length := 0
	for i, c := range comments {
		if heading().MatchString(c.text) { // what is above it explains crontabs
			beside, comments = comments[:i+1:i+1], comments[i+1:]
			break
		}
	}
	for _, c := range comments {
		line := strings.Trim(shown(c.text), "# \t")
		length += len(line) + 1
		if slug(line) == "" && !hasLetter(line) || length > maxDescription {
			beside = append(beside, c)
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), beside
}
