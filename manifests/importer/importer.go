package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// Formats that can be imported.
const (
	Crontab       = "crontab"            // a user's crontab: five fields and a command
	CronD         = "cron.d"             // /etc/crontab and /etc/cron.d: a user before the command
	Systemd       = "systemd"            // timer units, with their services
	TaskScheduler = "taskscheduler"      // what schtasks /query /xml prints
	Healthchecks  = "healthchecks"       // what GET /api/v3/checks/ answers
	Kubernetes    = "kubernetes-cronjob" // manifests of CronJobs
)

// Formats lists the formats by name.
func Formats() []string {
	return []string{Crontab, CronD, Systemd, TaskScheduler, Healthchecks, Kubernetes}
}

// Codes of an import's problems.
const (
	CodeNotKept   = "not_kept"  // an error: no manifest has it
	CodeChanged   = "changed"   // a warning: a manifest has it, and it does not mean quite the same
	CodeRewritten = "rewritten" // a notice: a manifest says the same in other words
	CodeLeftOut   = "left_out"  // a notice: there was nothing in it to keep
)

// MaxBytes bounds one file of an original.
const MaxBytes = 8 << 20

// Input is one file of the original.
type Input struct {
	Name  string
	Data  []byte
	Owner string // whose crontab it is; "" where nobody knows
	Users bool   // a crontab whose lines name a user, whatever the format says
}

// Options say what the original does not.
type Options struct {
	Target       crontopus.Target
	Namespace    string // "" for the one that the original names, or the default one
	Timezone     string // of jobs whose original names none
	CommentedOut bool   // keep jobs that are commented out, suspended
	IgnoreCronTZ bool   // as Debian's cron does
	Now          time.Time
}

// Result is what became of the inputs.
type Result struct {
	Jobs     []Job               `json:"jobs"`
	Problems []crontopus.Problem `json:"problems"`
}

// Job is one job that was kept.
type Job struct {
	Name     crontopus.JobName `json:"name"`
	File     string            `json:"file"` // of the original
	Line     int               `json:"line"`
	Manifest string            `json:"manifest"`
	Proof    *Proof            `json:"proof,omitempty"` // nil where the original has no times

	Job *crontopus.Job `json:"-"`
}

// Lost counts what could not be kept.
func (r *Result) Lost() int {
	n := 0
	for _, p := range r.Problems {
		if p.Level() == crontopus.SeverityError {
			n++
		}
	}
	return n
}

// Import reads inputs of one format.
func Import(format string, inputs []Input, options Options) (*Result, error) {
	w := &work{Options: options, prover: newProver(options.Now)}
	each := func(read func(Input)) func([]Input) {
		return func(inputs []Input) {
			for _, in := range inputs {
				read(in)
			}
		}
	}
	read, known := map[string]func([]Input){
		Crontab:       each(w.crontab),
		CronD:         each(func(in Input) { in.Users = true; w.crontab(in) }),
		Systemd:       w.systemd,
		TaskScheduler: each(w.tasks),
		Healthchecks:  each(w.checks),
		Kubernetes:    each(w.cronJobs),
	}[format]
	if !known {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "nothing can be imported from %q", format).
			WithHint("write one of %s", strings.Join(Formats(), ", "))
	}
	read(inputs)
	return w.finish(inputs), nil
}

// work is an import while it goes on.
type work struct {
	Options
	prover   *prover
	drafts   []*draft
	problems []crontopus.Problem
}

// draft is a job before it has its name.
type draft struct {
	job      crontopus.Job
	file     string
	line     int
	source   []sourceLine // what it is made of
	comments []sourceLine // what its description is made of
	names    []string     // words that its name may have, the best first
	original original     // when it ran; nil where it had no times
	reads    string       // what original was read from: the same text runs at the same times
}

// sourceLine is a line of the original.
type sourceLine struct {
	number int
	text   string
	file   string // "" for the draft's
}

func (w *work) notKept(file string, line int, hint, format string, args ...any) {
	w.problem(file, line, CodeNotKept, crontopus.SeverityError, hint, format, args...)
}

func (w *work) changed(file string, line int, hint, format string, args ...any) {
	w.problem(file, line, CodeChanged, crontopus.SeverityWarning, hint, format, args...)
}

func (w *work) leftOut(file string, line int, hint, format string, args ...any) {
	w.problem(file, line, CodeLeftOut, crontopus.SeverityNotice, hint, format, args...)
}

func (w *work) problem(file string, line int, code, severity, hint, format string, args ...any) {
	w.problems = append(w.problems, crontopus.Problem{
		File: file, Line: line, Column: min(line, 1), Code: code, Severity: severity, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// newDraft begins a job with what the options say.
func (w *work) newDraft(file string, line int) *draft {
	d := &draft{file: file, line: line}
	d.job = crontopus.Job{APIVersion: crontopus.APIVersion, Kind: crontopus.KindJob}
	d.job.Metadata.Namespace = w.Namespace
	d.job.Spec.Timezone = w.Timezone
	d.job.Spec.Target = w.Target
	return d
}

// finish names, proves and writes the drafts.
func (w *work) finish(inputs []Input) *Result {
	nameAll(w.drafts)
	result := &Result{Jobs: []Job{}}
	all := w.makeAll()
	w.orphans(all)
	for i, made := range all {
		if made.problem != nil {
			w.problems = append(w.problems, *made.problem)
			continue
		}
		d := w.drafts[i]
		result.Jobs = append(result.Jobs, Job{
			Name: made.job.Name(), File: d.file, Line: d.line, Manifest: made.text, Proof: made.proof, Job: made.job,
		})
	}
	order := map[string]int{}
	for i, in := range inputs {
		order[in.Name] = i
	}
	slices.SortStableFunc(w.problems, func(a, b crontopus.Problem) int {
		return cmp.Or(order[a.File]-order[b.File], a.Line-b.Line)
	})
	result.Problems = w.problems
	return result
}

// DefaultTimezone is the zone of jobs whose original names none: a host's own, or the one that
// the controller of a cluster has.
func DefaultTimezone(format string) string {
	if format == Kubernetes || format == Healthchecks {
		return crontopus.DefaultTimezone
	}
	return crontopus.TimezoneHost
}

// orphans tells of the lines that belong to a job that is not kept, and to no other.
func (w *work) orphans(all []made) {
	type place struct {
		file string
		line int
	}
	kept := map[place]bool{}
	placeOf := func(d *draft, l sourceLine) place { return place{cmp.Or(l.file, d.file), l.number} }
	for i, d := range w.drafts {
		kept[place{d.file, d.line}] = true
		for _, l := range slices.Concat(d.source, d.comments) {
			if all[i].problem == nil {
				kept[placeOf(d, l)] = true
			}
		}
	}
	for i, d := range w.drafts {
		for _, l := range slices.Concat(d.source, d.comments) {
			if at := placeOf(d, l); all[i].problem != nil && !kept[at] {
				kept[at] = true
				w.leftOut(at.file, at.line, "", "the line belongs to a job that is not kept")
			}
		}
	}
}
