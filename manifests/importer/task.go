package importer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// task is a task of Windows as schtasks /query /xml writes it.
type task struct {
	line int
	name string // of the comment in front, or of the URI

	Description string `xml:"RegistrationInfo>Description"`
	URI         string `xml:"RegistrationInfo>URI"`
	UserID      string `xml:"Principals>Principal>UserId"`
	Triggers    struct {
		All []trigger `xml:",any"`
	} `xml:"Triggers"`
	Settings struct {
		Enabled            string
		StartWhenAvailable string
		ExecutionTimeLimit string
		MultipleInstances  string `xml:"MultipleInstancesPolicy"`
		RestartCount       int    `xml:"RestartOnFailure>Count"`
		RestartInterval    string `xml:"RestartOnFailure>Interval"`
		RunOnlyIfIdle      string
		RunOnlyIfNetwork   string `xml:"RunOnlyIfNetworkAvailable"`
		WakeToRun          string
	}
	Actions struct {
		All []action `xml:",any"`
	} `xml:"Actions"`
}

// action is what a task does.
type action struct {
	XMLName          xml.Name
	Command          string
	Arguments        string
	WorkingDirectory string
}

// trigger is when a task runs.
type trigger struct {
	XMLName       xml.Name
	Enabled       string
	StartBoundary string
	EndBoundary   string
	RandomDelay   string
	Delay         string
	Repetition    *struct{ Interval, Duration string }
	ByDay         *struct{ DaysInterval int } `xml:"ScheduleByDay"`
	ByWeek        *struct {
		WeeksInterval int
		Days          names `xml:"DaysOfWeek"`
	} `xml:"ScheduleByWeek"`
	ByMonth *struct {
		Days   []string `xml:"DaysOfMonth>Day"`
		Months names    `xml:"Months"`
	} `xml:"ScheduleByMonth"`
	ByWeekday *struct {
		Weeks  []string `xml:"Weeks>Week"`
		Days   names    `xml:"DaysOfWeek"`
		Months names    `xml:"Months"`
	} `xml:"ScheduleByMonthDayOfWeek"`
}

// names are the names of the elements within one.
type names []string

// UnmarshalXML collects the names.
func (n *names) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			*n = append(*n, t.Name.Local)
			if err := d.Skip(); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// declaration is what stands before each task where all are printed one after the other.
var declaration = lazily(`<\?xml[^>]*\?>`)

// tasks reads what schtasks prints: one task, several in a row, or several in <Tasks>.
func (w *work) tasks(in Input) {
	text, _ := decode(in.Data)
	text = declaration().ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	found, comment, lines := 0, "", strings.Split(text, "\n")
	for {
		token, err := d.Token()
		line, _ := d.InputPos()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.notKept(in.Name, line, "export it once more with schtasks /query /xml", "the XML ends here: %s", oneLine(err))
			return
		}
		switch t := token.(type) {
		case xml.Comment:
			comment = strings.TrimSpace(string(t))
		case xml.CharData:
			if text := bytes.TrimSpace(t); len(text) > 0 {
				w.notKept(in.Name, line, "", "the text is no part of a task: %s", shown(string(text[:min(len(text), 80)])))
			}
		case xml.StartElement:
			if t.Name.Local == "Tasks" {
				continue
			}
			if t.Name.Local != "Task" {
				w.notKept(in.Name, line, "", "<%s> is no task", shown(t.Name.Local))
				if err := d.Skip(); err != nil {
					return
				}
				continue
			}
			one := task{line: line, name: comment}
			if err := d.DecodeElement(&one, &t); err != nil {
				w.notKept(in.Name, line, "export it once more with schtasks /query /xml", "the task cannot be read: %s", oneLine(err))
				return
			}
			end, _ := d.InputPos()
			comment = ""
			found++
			w.task(in.Name, &one, numbered(lines, line, end))
		}
	}
	if found == 0 {
		w.notKept(in.Name, 0, "export tasks with schtasks /query /xml", "there is no task in it")
	}
}

func oneLine(err error) string { return shown(strings.ReplaceAll(err.Error(), "\n", " ")) }

// task makes a job of a task.
func (w *work) task(file string, t *task, source []sourceLine) {
	name := cmpOr(t.URI, t.name, "a task without a name")
	t.name = shown(name)
	d := w.newDraft(file, t.line)
	d.source = source
	if i := strings.LastIndexByte(name, '\\'); slug(name[i+1:]) != "" {
		d.names = []string{slug(name[i+1:])}
	}
	d.job.Metadata.Description = strings.TrimSpace(strings.ReplaceAll(t.Description, "\r", ""))
	d.job.Spec.Suspend = t.Settings.Enabled == "false"
	if !w.taskRun(d, t) || !w.taskTimes(d, t) {
		return
	}
	w.drafts = append(w.drafts, d)
}

// taskRun says what the job runs, and reports whether there is something.
func (w *work) taskRun(d *draft, t *task) bool {
	changed := func(format string, args ...any) { w.changed(d.file, t.line, "", format, args...) }
	run, actions := &d.job.Spec.Run, t.Actions.All
	if len(actions) == 0 || actions[0].XMLName.Local != "Exec" || actions[0].Command == "" {
		w.notKept(d.file, t.line, "", "%s starts no program", t.name)
		return false
	}
	if len(actions) > 1 {
		w.notKept(d.file, t.line, "make one job with a script of them", "%s does several things, and only the first of them is kept", t.name)
	}
	program := strings.Trim(strings.TrimSpace(actions[0].Command), `"`)
	run.Command = append([]string{program}, windowsWords(actions[0].Arguments)...)
	if strings.Contains(strings.Join(run.Command, " ")+actions[0].WorkingDirectory, "%") {
		changed("what stands between %% is not replaced: write it out")
	}
	d.names = append(d.names, programSlug(strings.ReplaceAll(program, `\`, "/")))
	run.WorkingDirectory = strings.Trim(actions[0].WorkingDirectory, `"`)
	run.User = windowsUsers[t.UserID]
	if run.User == "" && strings.HasPrefix(t.UserID, "S-1-") {
		changed("the user %s is known by a number only: write run.user", t.UserID)
	} else if run.User == "" {
		run.User = t.UserID
	}
	s := &t.Settings
	if limit, ok := isoDuration(s.ExecutionTimeLimit); ok && limit > 0 {
		run.Timeout = crontopus.Duration(limit)
	} else if s.ExecutionTimeLimit == "" {
		run.Timeout = crontopus.Duration(72 * time.Hour) // what Windows takes where nothing is said
	}
	switch s.MultipleInstances {
	case "Parallel":
		run.Concurrency = crontopus.ConcurrencyAllow
	case "StopExisting":
		run.Concurrency = crontopus.ConcurrencyReplace
	case "Queue":
		changed("a run that is due while the last one goes on is skipped; Windows queues it")
	}
	if s.RestartCount > 0 {
		interval, _ := isoDuration(s.RestartInterval)
		run.Retries = &crontopus.Retries{Limit: min(s.RestartCount, 100), Backoff: crontopus.Duration(interval), MaxBackoff: crontopus.Duration(interval)}
	}
	if s.StartWhenAvailable == "true" {
		d.job.Spec.Monitor.CatchUp = crontopus.CatchUpOnce
	}
	for _, c := range []struct{ what, value string }{
		{"RunOnlyIfIdle", s.RunOnlyIfIdle}, {"RunOnlyIfNetworkAvailable", s.RunOnlyIfNetwork}, {"WakeToRun", s.WakeToRun},
	} {
		if c.value == "true" {
			changed("%s has nothing like it in a manifest", c.what)
		}
	}
	return true
}

// windowsUsers are accounts of Windows that go by a number.
var windowsUsers = map[string]string{"S-1-5-18": "SYSTEM", "S-1-5-19": "LOCAL_SERVICE", "S-1-5-20": "NETWORK_SERVICE"}

// windowsWords takes arguments apart as the C library of Windows does.
func windowsWords(text string) (words []string) {
	var b strings.Builder
	quoted, inWord, slashes := false, false, 0
	flush := func(n int) { b.WriteString(strings.Repeat(`\`, n)); slashes = 0 }
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\\':
			slashes++
			inWord = true
		case c == '"':
			escaped := slashes%2 == 1
			flush(slashes / 2)
			if escaped {
				b.WriteByte('"')
			} else {
				quoted = !quoted
			}
			inWord = true
		case (c == ' ' || c == '\t' || c == '\n' || c == '\r') && !quoted:
			flush(slashes)
			if inWord {
				words = append(words, b.String())
			}
			b.Reset()
			inWord = false
		default:
			flush(slashes)
			b.WriteByte(c)
			inWord = true
		}
	}
	flush(slashes)
	if inWord {
		words = append(words, b.String())
	}
	return words
}

// isoSpan is a duration such as P1DT12H30M.
var isoSpan = lazily(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

func isoDuration(text string) (time.Duration, bool) {
	m := isoSpan().FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, err := strconv.Atoi(cmpOr(m[i+1], "0"))
		if err != nil || n > 1_000_000 {
			return 0, false
		}
		total += time.Duration(n) * unit
	}
	return total, true
}

// taskTimes says when the job runs, and reports whether there is a time.
func (w *work) taskTimes(d *draft, t *task) bool {
	var reads union
	lost := 0
	for i := range t.Triggers.All {
		tr := &t.Triggers.All[i]
		if tr.Enabled == "false" {
			w.leftOut(d.file, t.line, "", "a trigger of %s is turned off", t.name)
			continue
		}
		if err := w.trigger(d, tr, t.line, &reads); err != nil {
			lost++
			w.notKept(d.file, t.line, "", "%s of %s: %s", shown(tr.XMLName.Local), t.name, err)
		}
	}
	d.job.Spec.Schedule = compact(d.job.Spec.Schedule)
	d.original = reads
	if len(d.job.Spec.Schedule) > 0 {
		return true
	}
	if lost == 0 {
		w.notKept(d.file, t.line, "write a schedule by hand", "%s has no trigger", t.name)
	}
	return false
}

func (w *work) trigger(d *draft, t *trigger, line int, reads *union) error {
	if delay, ok := isoDuration(cmpOr(t.RandomDelay, t.Delay)); ok && delay > 0 {
		d.job.Spec.Run.Splay = crontopus.Duration(delay)
		w.changed(d.file, line, "", "the delay of %s: each host waits the same part of it every time (run.splay)", crontopus.Duration(delay))
	}
	if t.EndBoundary != "" {
		w.changed(d.file, line, "take the manifest out by then", "it ends on %s, and a manifest does not", shown(t.EndBoundary))
	}
	if t.XMLName.Local == "BootTrigger" {
		d.job.Spec.Schedule = append(d.job.Spec.Schedule, "@reboot")
		d.reads += "boot\n"
		return nil
	}
	times, err := t.times()
	if err != nil {
		return err
	}
	if len(d.reads) > 0 && times.utc != (d.job.Spec.Timezone == crontopus.DefaultTimezone) {
		return fmt.Errorf("it is in UTC and another one is not, and a job has one time zone")
	}
	if times.utc {
		d.job.Spec.Timezone = crontopus.DefaultTimezone
	}
	exprs, err := times.expressions()
	if err != nil {
		return err
	}
	if times.second > 0 {
		w.changed(d.file, line, "", "the second %d is left out: each run begins that much earlier", times.second)
	}
	d.job.Spec.Schedule = append(d.job.Spec.Schedule, exprs...)
	d.reads += fmt.Sprintf("task %v\n", *times)
	for _, r := range times.readings() {
		*reads = append(*reads, r)
	}
	return nil
}
