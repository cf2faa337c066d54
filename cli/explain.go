package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/cli/findings"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schedule"
)

// explained is what explain tells of one job.
type explained struct {
	Job       string            `json:"job"`
	File      string            `json:"file"`
	Line      int               `json:"line"`
	Matrix    map[string]string `json:"matrix,omitempty"`
	What      string            `json:"what"`
	When      string            `json:"when"`
	Timezone  string            `json:"timezone"`
	ShownIn   string            `json:"shownIn,omitempty"` // of a job in its hosts' own zones: one that they may be
	NextRuns  []string          `json:"nextRuns"`          // none where nobody knows the zone
	Suspended bool              `json:"suspended"`
	Hosts     []string          `json:"hosts,omitempty"` // with --server
	Values    []explainedValue  `json:"values"`
}

// explainedValue is one value that is in effect, and where it was said.
type explainedValue struct {
	Field string `json:"field"`
	Value any    `json:"value"`
	From  string `json:"from"` // FILE:LINE, or "default"
}

func newExplainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain PATH… | NAMESPACE/NAME",
		Short: "Say what a manifest does: what runs, when, where, and where each value comes from",
		Long: `Say in words what the jobs of files or folders do, after Defaults and matrix: what runs,
when, on which hosts, and for each value where it was said: in the manifest, in Defaults,
or nowhere, which makes it a default of the language. Of a file of Defaults it says what
they give, and to whom; of a policy, channel or window what it says. What is no path is the name of a
job below the current folder.

Exit code: 0 all was told, 1 there are problems, 2 something could not be read.`,
		Example: `  crontopus explain jobs/backup.yaml
  crontopus explain production/nightly-backup -o json
  crontopus explain jobs/backup.yaml --server`,
	}
	addServerFlags(cmd)
	server := cmd.PersistentFlags().Lookup("server")
	server.Usage, server.NoOptDefVal = "also name the hosts that this server knows; alone: the server that auth login stored", loginServer
	from := cmd.Flags().String("from", "", "print the runs after this time, in RFC 3339 (default now)")
	root := cmd.Flags().String("root", "", "the folder from which on Defaults hold (default: the root of the repository)")
	output := addOutputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return crontopus.Errorf(crontopus.CodeInvalid, "nothing is named").WithHint("name files, folders, or a job: crontopus explain jobs/")
		}
		after := time.Now()
		if *from != "" {
			var err error
			if after, err = time.Parse(time.RFC3339, *from); err != nil {
				return crontopus.Errorf(crontopus.CodeInvalid, "--from %q is not a time", *from).WithHint("write it in RFC 3339, such as 2026-03-08T00:00:00Z")
			}
		}
		v := &validation{reader: manifests.Reader{Trace: true}, stdin: cmd.InOrStdin()}
		if err := v.begin(*root); err != nil {
			return err
		}
		if server.Changed {
			var err error
			if args, err = takeServer(cmd, args); err != nil {
				return err
			}
			if err := v.ask(cmd); err != nil {
				return err
			}
		}
		return v.explain(cmd, output, args, after)
	}
	return cmd
}

// explain reads what the arguments name and tells of each job. What is wrong goes to stderr.
func (v *validation) explain(cmd *cobra.Command, output *formatFlag, args []string, after time.Time) error {
	wanted := map[crontopus.JobName]bool{}
	for _, arg := range args {
		err := v.read(arg)
		if name, bad := crontopus.ParseJobName(arg); errors.Is(err, fs.ErrNotExist) && bad == nil {
			wanted[name] = true
			err = nil
		}
		if err != nil {
			return err
		}
	}
	named := len(wanted) > 0
	if named {
		if err := v.read("."); err != nil {
			return err
		}
	}
	tree := v.finish()
	told := []telling{}
	for _, d := range v.given {
		if !named {
			told = append(told, explainDefaults(d))
		}
	}
	for i := range tree.Alerting {
		if !named {
			told = append(told, explainAlerting(&tree.Alerting[i]))
		}
	}
	for i := range tree.Documents {
		doc := &tree.Documents[i]
		if named && !wanted[doc.Job.Name()] {
			continue
		}
		delete(wanted, doc.Job.Name())
		told = append(told, v.explainJob(doc, after))
	}
	for name := range wanted {
		return crontopus.Errorf(crontopus.CodeNotFound, "no manifest here names the job %s", name).WithHint("name its file, or go to the folder that it is below; crontopus validate says what cannot be read")
	}
	if err := writeExplained(newPrinter(cmd, output), told); err != nil {
		return err
	}
	r := &findings.Report{Files: tree.Files, Jobs: len(tree.Documents), Problems: tree.Problems, Lines: v.lines}
	if !named && r.Errors() > 0 {
		if err := r.Write(cmd.ErrOrStderr(), findings.Text); err != nil {
			return err
		}
		return verdict(r)
	}
	return nil
}

func (v *validation) explainJob(doc *manifests.Document, after time.Time) explained {
	job := doc.Job
	e := explained{
		Job: job.Name().String(), File: doc.Path, Line: doc.Line, What: whatRuns(&job.Spec.Run), Timezone: job.Spec.Timezone,
		Suspended: job.Spec.Suspend, NextRuns: []string{}, Values: valuesOf(doc),
	}
	for _, value := range doc.Matrix() {
		if e.Matrix == nil {
			e.Matrix = map[string]string{}
		}
		e.Matrix[value.Dimension] = value.Value
	}
	if v.asked {
		e.Hosts = []string{}
	}
	for i := range v.agents {
		if job.Spec.Target.Matches(&v.agents[i]) {
			e.Hosts = append(e.Hosts, v.agents[i].Name)
		}
	}
	zone := job.Spec.Timezone
	if zone == crontopus.TimezoneHost {
		e.ShownIn = v.hostZone(job)
		zone = cmp.Or(e.ShownIn, crontopus.DefaultTimezone) // which finds the words
	}
	if job.Spec.Target.Ping {
		e.What = "something else, which pings"
	}
	if every := job.Spec.Every; every > 0 {
		e.When = "at least once in " + every.String()
		return e
	}
	if set, err := schedule.New(job.Spec.Schedule, zone, job.Name().String()); err == nil {
		e.When = set.Words()
		known := job.Spec.Timezone != crontopus.TimezoneHost || e.ShownIn != ""
		for t, ok := set.Next(after); ok && known && len(e.NextRuns) < 5; t, ok = set.Next(t) {
			e.NextRuns = append(e.NextRuns, t.Format(time.RFC3339))
		}
	}
	return e
}

// hostZone is the zone that most hosts of a job have, or, where no server was asked, the one of
// this machine; "" where it is not known.
func (v *validation) hostZone(job *crontopus.Job) string {
	if !v.asked {
		return localZone()
	}
	most, count := "", map[string]int{}
	for i := range v.agents {
		zone := v.agents[i].Status.Report.Timezone
		if _, err := schedule.Location(zone); zone == "" || err != nil || !job.Spec.Target.Matches(&v.agents[i]) {
			continue
		}
		if count[zone]++; count[zone] > count[most] || count[zone] == count[most] && zone < most {
			most = zone
		}
	}
	return most
}

// localZone is the name of this machine's zone, "" where it has none that is known.
func localZone() string {
	zone := strings.TrimPrefix(os.Getenv("TZ"), ":")
	if zone == "" {
		target, _ := filepath.EvalSymlinks("/etc/localtime") // without one the zone is not known
		_, zone, _ = strings.Cut(filepath.ToSlash(target), "/zoneinfo/")
	}
	if _, err := schedule.Location(zone); err != nil {
		return ""
	}
	return zone
}

// whatRuns says what is started and how.
func whatRuns(run *crontopus.RunSpec) string {
	var b strings.Builder
	if run.Script != "" {
		fmt.Fprintf(&b, "a script of %d lines, read by %s", strings.Count(strings.TrimRight(run.Script, "\n"), "\n")+1, run.Shell)
	} else {
		words := make([]string, len(run.Command))
		for i, word := range run.Command {
			words[i] = word
			if word == "" || strings.ContainsAny(word, " '\"\\$`*?[]{}()<>|&;#~!") {
				words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
			}
		}
		b.WriteString(strings.Join(words, " "))
	}
	if run.User != "" {
		b.WriteString(", as " + run.User)
	} else {
		b.WriteString(", as the agent's user")
	}
	if run.WorkingDirectory != "" {
		b.WriteString(", in " + run.WorkingDirectory)
	}
	if run.Timeout > 0 {
		fmt.Fprintf(&b, ", stopped after %s", run.Timeout)
	} else {
		b.WriteString(", for as long as it takes")
	}
	return b.String() + map[crontopus.Concurrency]string{
		crontopus.ConcurrencyForbid:  "; not started while its last run goes on",
		crontopus.ConcurrencyAllow:   "; started beside a run that goes on",
		crontopus.ConcurrencyReplace: "; its last run is ended first if it still goes on",
	}[run.Concurrency]
}
