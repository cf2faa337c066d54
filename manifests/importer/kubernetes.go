package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schedule"
)

// object is a mapping of YAML or JSON, read without knowing what is in it.
type object map[string]any

func (o object) object(key string) object { v, _ := o[key].(map[string]any); return v }
func (o object) text(key string) string   { v, _ := o[key].(string); return v }

func (o object) list(key string) (items []object) {
	all, _ := o[key].([]any)
	for _, item := range all {
		m, _ := item.(map[string]any)
		items = append(items, m)
	}
	return items
}

func (o object) texts(key string) (texts []string) {
	all, _ := o[key].([]any)
	for _, item := range all {
		texts = append(texts, fmt.Sprint(item))
	}
	return texts
}

// number reads a whole number, which JSON has as a float.
func (o object) number(key string) (n int64, ok bool) {
	switch v := o[key].(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<40
	}
	return 0, false
}

// cronJobs reads manifests of CronJobs, as YAML or JSON, and lists of them.
func (w *work) cronJobs(in Input) {
	before := len(w.drafts) + len(w.problems)
	w.cronJobsOf(in)
	if len(w.drafts)+len(w.problems) == before {
		w.leftOut(in.Name, 0, "", "there is no CronJob in it")
	}
}

func (w *work) cronJobsOf(in Input) {
	text, _ := decode(in.Data)
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		var value object
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			w.notKept(in.Name, 0, "", "it is no JSON: %s", oneLine(err))
			return
		}
		w.kubernetesObject(in.Name, 1, nil, value)
		return
	}
	values, problems := manifests.ReadForeign(in.Name, []byte(text))
	for _, p := range problems {
		w.notKept(in.Name, p.Line, "kubectl get cronjobs -A -o json writes what has no such limits", "%s", p.Message)
	}
	lines := strings.Split(text, "\n")
	for _, v := range values {
		m, isMapping := v.Value.(map[string]any)
		if !isMapping {
			if v.Value != nil {
				w.notKept(in.Name, v.First, "", "the document is no manifest")
			}
			continue
		}
		w.kubernetesObject(in.Name, v.First, numbered(lines, v.First, v.Last), m)
	}
}

func (w *work) kubernetesObject(file string, line int, source []sourceLine, o object) {
	kind := o.text("kind")
	switch {
	case strings.HasSuffix(kind, "List"):
		for _, item := range o.list("items") {
			if item != nil && item.text("kind") == "" && kind == "CronJobList" {
				item["kind"] = "CronJob"
			}
			w.kubernetesObject(file, line, nil, item)
		}
	case kind == "CronJob":
		w.cronJob(file, line, source, o)
	default:
		w.leftOut(file, line, "", "%s %s is no CronJob", shown(cmpOr(kind, "a document without a kind")), shown(o.object("metadata").text("name")))
	}
}

// cronJob makes a job of a CronJob.
func (w *work) cronJob(file string, line int, source []sourceLine, o object) {
	meta, spec := o.object("metadata"), o.object("spec")
	name := meta.text("name")
	d := w.newDraft(file, line)
	if d.source = source; source == nil {
		d.source = []sourceLine{{number: line, text: "CronJob " + cmpOr(meta.text("namespace"), "default") + "/" + name}}
	}
	d.names = []string{cmpOr(slug(name), "job")}
	if d.job.Metadata.Namespace == "" && crontopus.ValidName(meta.text("namespace")) {
		d.job.Metadata.Namespace = meta.text("namespace")
	}
	c := &cronJob{work: w, draft: d, name: shown(name)}
	c.metadata(meta)
	if c.times(spec) && c.pod(spec.object("jobTemplate").object("spec")) {
		c.policies(spec)
		w.drafts = append(w.drafts, d)
	}
}

// cronJob is one while it is read.
type cronJob struct {
	*work
	draft *draft
	name  string
}

func (c *cronJob) changes(hint, format string, args ...any) {
	c.changed(c.draft.file, c.draft.line, hint, "%s: %s", c.name, fmt.Sprintf(format, args...))
}

func (c *cronJob) loses(hint, format string, args ...any) {
	c.notKept(c.draft.file, c.draft.line, hint, "%s: %s", c.name, fmt.Sprintf(format, args...))
}

// nothingLike tells of fields that are set and not taken over.
func (c *cronJob) nothingLike(where string, o object, taken ...string) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(taken, key) {
			c.changes("", "%s%s has nothing like it in a manifest", where, shown(key))
		}
	}
}

func (c *cronJob) metadata(meta object) {
	c.draft.job.Metadata.Labels = texts(meta.object("labels"), labelKeyWithPrefix())
	c.draft.job.Metadata.Annotations = texts(meta.object("annotations"), labelKeyWithPrefix())
	delete(c.draft.job.Metadata.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
	if len(c.draft.job.Metadata.Annotations) == 0 {
		c.draft.job.Metadata.Annotations = nil
	}
}

var labelKeyWithPrefix = lazily(`^([a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

func texts(o object, key *regexp.Regexp) map[string]string {
	var m map[string]string
	for k, v := range o {
		if s, isText := v.(string); isText && key.MatchString(k) && !strings.HasPrefix(k, crontopus.FactPrefix) {
			if m == nil {
				m = map[string]string{}
			}
			m[k] = s
		}
	}
	return m
}

// times says when the job runs, and reports whether a schedule can.
func (c *cronJob) times(spec object) bool {
	job := &c.draft.job.Spec
	text, zone := spec.text("schedule"), spec.text("timeZone")
	for _, prefix := range []string{"TZ=", "CRON_TZ="} {
		if rest, found := strings.CutPrefix(text, prefix); found {
			zone, text, _ = strings.Cut(rest, " ")
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	if zone != "" {
		if _, err := schedule.Location(zone); err != nil {
			c.loses(crontopus.ErrorHint(err), "timeZone: %s", err)
			return false
		}
		job.Timezone = zone
	}
	r, expr, err := readRobfig(text)
	if err != nil {
		c.loses(crontopus.ErrorHint(err), "the schedule %q: %s", text, err)
		return false
	}
	job.Schedule = crontopus.Schedules{expr}
	c.draft.original, c.draft.reads = r, "kubernetes "+text
	if expr != text {
		c.problem(c.draft.file, c.draft.line, CodeRewritten, crontopus.SeverityNotice, "", "%s: Kubernetes reads %q as %q, and so the manifest says it", c.name, text, expr)
	}
	return true
}

// policies are what a CronJob says of its runs.
func (c *cronJob) policies(spec object) {
	job := &c.draft.job.Spec
	job.Suspend, _ = spec["suspend"].(bool)
	switch spec.text("concurrencyPolicy") {
	case "Forbid":
		job.Run.Concurrency = crontopus.ConcurrencyForbid
	case "Replace":
		job.Run.Concurrency = crontopus.ConcurrencyReplace
	default:
		job.Run.Concurrency = crontopus.ConcurrencyAllow
	}
	if seconds, ok := spec.number("startingDeadlineSeconds"); ok && seconds > 0 {
		job.Monitor.CatchUp = crontopus.CatchUpOnce
		c.changes("", "startingDeadlineSeconds: a run that was missed is made up for (monitor.catchUp), however late")
	}
	c.nothingLike("spec.", spec, "schedule", "timeZone", "suspend", "concurrencyPolicy", "startingDeadlineSeconds", "jobTemplate",
		"successfulJobsHistoryLimit", "failedJobsHistoryLimit")
}

// pod says what the job runs, and reports whether that is known.
func (c *cronJob) pod(template object) bool {
	run := &c.draft.job.Spec.Run
	pod := template.object("template").object("spec")
	containers := pod.list("containers")
	if len(containers) == 0 {
		c.loses("", "it has no container")
		return false
	}
	first := containers[0]
	if len(containers) > 1 || len(pod.list("initContainers")) > 0 {
		c.loses("make a job of each, or a script of all", "only the first container, %s, is kept", shown(first.text("name")))
	}
	environment(c, run, first)
	command := append(first.texts("command"), first.texts("args")...)
	if len(first.texts("command")) == 0 {
		c.loses("find the image's ENTRYPOINT, and write the job by hand", "what it runs is in its image, %s", shown(first.text("image")))
		return false
	}
	for i, word := range command {
		command[i] = c.reference(word, run.Environment)
	}
	run.Command = command
	run.WorkingDirectory = first.text("workingDir")
	c.changes("install the program on the hosts, or start it with a container runtime", "the image %s is not kept: the command runs on the host", shown(first.text("image")))
	for _, source := range []object{pod, template} {
		if seconds, ok := source.number("activeDeadlineSeconds"); ok && seconds > 0 {
			run.Timeout = crontopus.Duration(time.Duration(seconds) * time.Second)
		}
	}
	if limit, ok := template.number("backoffLimit"); ok && limit > 0 {
		run.Retries = &crontopus.Retries{Limit: int(min(limit, 100)), Backoff: crontopus.Duration(10 * time.Second), MaxBackoff: crontopus.Duration(6 * time.Minute)}
	} else if !ok {
		c.changes("set run.retries", "Kubernetes tries a failed job six times more, and this job is not tried again")
	}
	c.nothingLike("container.", first, "name", "image", "imagePullPolicy", "command", "args", "env", "workingDir", "terminationMessagePath", "terminationMessagePolicy")
	c.nothingLike("pod.", pod, "containers", "initContainers", "restartPolicy", "activeDeadlineSeconds", "dnsPolicy", "schedulerName", "terminationGracePeriodSeconds", "imagePullSecrets")
	c.nothingLike("job.", template, "template", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
	return true
}

func environment(c *cronJob, run *crontopus.RunSpec, container object) {
	for _, v := range container.list("env") {
		name := v.text("name")
		if _, elsewhere := v["valueFrom"]; elsewhere {
			c.loses("put it into a file on the hosts, and name that in run.secrets", "the value of %s is in the cluster", shown(name))
			continue
		}
		if !variableName().MatchString(name) {
			c.loses("", "%q is no name that a manifest's environment can have", shown(name))
			continue
		}
		if run.Environment == nil {
			run.Environment = map[string]string{}
		}
		run.Environment[name] = c.reference(v.text("value"), run.Environment)
	}
}

// containerReference is a variable in an argument, which Kubernetes replaces.
var containerReference = lazily(`\$\$|\$\([A-Za-z_][A-Za-z0-9_]*\)`)

// reference replaces the variables that are known.
func (c *cronJob) reference(word string, known map[string]string) string {
	return containerReference().ReplaceAllStringFunc(word, func(ref string) string {
		if ref == "$$" {
			return "$"
		}
		value, ok := known[ref[2:len(ref)-1]]
		if !ok {
			c.changes("", "%s is not replaced", ref)
			return ref
		}
		return value
	})
}
