package manifests

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schedule"
)

// checkJob finds what a schema cannot say. A field that has a problem already gets no
// second one.
func (d *document) checkJob(job *crontopus.Job) {
	d.checkTimes(job)
	d.checkMetadata(&job.Metadata)
	d.checkProgram(&job.Spec.Run)
	d.checkQuantities()
	d.checkRetries(job.Spec.Run.Retries)
}

func (d *document) checkTimes(job *crontopus.Job) {
	spec := &job.Spec
	noHost := ""
	if spec.Target.Ping {
		noHost = "and a job without an agent has none"
	}
	d.checkExpressions(spec.Schedule, identity(&job.Metadata), noHost)
	d.checkZone(spec.Timezone, !spec.Target.Ping)
	d.checkDuration(1, maxEvery, false, "1d", "spec", "every")
}

// maxEvery is the longest pause between two pings.
const maxEvery = 365 * day

// identity is a manifest's name, once its defaults are set.
func identity(meta *crontopus.Metadata) crontopus.JobName {
	return crontopus.JobName{Namespace: cmp.Or(meta.Namespace, crontopus.DefaultNamespace), Name: meta.Name}
}

// checkZone checks a time zone; that of the host is one only where there is a host.
func (d *document) checkZone(zone string, onHost bool) {
	at := []string{"spec", "timezone"}
	switch {
	case zone == crontopus.TimezoneHost && !onHost:
		d.addPointer(at, false, CodeTimezone, "host is the zone of the host that a job runs on, and there is none", "write the name of a zone, such as Europe/Helsinki")
	case zone != "" && zone != crontopus.TimezoneHost:
		if _, err := schedule.Location(zone); err != nil {
			d.addError(at, CodeTimezone, err)
		}
	}
}

// checkExpressions checks what is written as schedule; noHost is said of what needs a host, where
// there is none.
func (d *document) checkExpressions(expressions crontopus.Schedules, name crontopus.JobName, noHost string) {
	_, alone := d.at("spec", "schedule").(string)
	for i, expr := range expressions {
		at := []string{"spec", "schedule"}
		if !alone {
			at = append(at, strconv.Itoa(i))
		}
		if _, err := schedule.Parse(expr, name.String()); err != nil {
			d.addError(at, CodeSchedule, err)
		} else if first := slices.Index(expressions, expr); first < i {
			d.addPointer(at, false, CodeInvalid, "schedule says the same twice", "remove one of the two")
		} else if noHost != "" && strings.TrimSpace(expr) == "@reboot" {
			d.addPointer(at, false, CodeSchedule, "@reboot is the start of a host, "+noHost, "write when it is due")
		}
	}
}

// addError adds what another package found, under the validator's code for it.
func (d *document) addError(at []string, code string, err error) {
	d.addPointer(at, false, code, err.Error(), crontopus.ErrorHint(err))
}

func (d *document) checkMetadata(meta *crontopus.Metadata) {
	for _, key := range slices.Sorted(maps.Keys(meta.Labels)) {
		if strings.HasPrefix(key, crontopus.FactPrefix) {
			d.addPointer([]string{"metadata", "labels", key}, true, CodeInvalid,
				fmt.Sprintf("the label %q is reserved: %s begins what hosts say of themselves", key, crontopus.FactPrefix), "choose another key")
		}
	}
}

// checkProgram checks what would be started. A bare name is looked up on the host's PATH,
// as cron does it; a path that is not whole would depend on where the agent stands.
func (d *document) checkProgram(run *crontopus.RunSpec) {
	if len(run.Command) > 0 {
		program, at := run.Command[0], []string{"spec", "run", "command", "0"}
		switch {
		case program == "":
			d.addPointer(at, false, CodeInvalid, "the program has no name", "write its whole path, such as /usr/local/bin/backup")
		case len(run.Command) == 1 && isCommandLine(program):
			d.addPointer(at, false, CodeInvalid, fmt.Sprintf("%.80q is a whole command line in one item", program), "write each argument as an item of its own, or use run.script")
		case strings.Contains(program, "/") && !path.IsAbs(program):
			d.addPointer(at, false, CodeInvalid, fmt.Sprintf("%.80q is not a whole path", program), "write the path from / on, or a bare name that the host finds on its PATH")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(run.Secrets)) {
		at := []string{"spec", "run", "secrets", name}
		if _, both := run.Environment[name]; both {
			d.addPointer(at, true, CodeInvalid, fmt.Sprintf("%s is in environment and in secrets", name), "remove one of the two")
		}
		if file, ok := strings.CutPrefix(run.Secrets[name], "file:"); ok && path.Clean(file) != file {
			d.addPointer(at, false, CodeInvalid, fmt.Sprintf("%.80q is not a plain path", file), fmt.Sprintf("write file:%s", path.Clean(file)))
		}
	}
}

// isCommandLine reports a program "name with arguments", which no file is called.
func isCommandLine(program string) bool {
	_, arguments, _ := strings.Cut(program, " ")
	arguments = strings.TrimSpace(arguments)
	return strings.HasPrefix(arguments, "-") || strings.HasPrefix(arguments, "/") || strings.ContainsAny(arguments, "|<>&;$")
}

// checkQuantities finds the durations and sizes that have the right form and are too large.
func (d *document) checkQuantities() {
	for _, at := range [][]string{
		{"spec", "run", "timeout"}, {"spec", "run", "splay"},
		{"spec", "run", "retries", "backoff"}, {"spec", "run", "retries", "maxBackoff"},
		{"spec", "monitor", "grace"}, {"spec", "monitor", "startDeadline"}, {"spec", "monitor", "maxDuration"},
	} {
		if s, isText := d.at(at...).(string); isText {
			if _, err := crontopus.ParseDuration(s); err != nil {
				d.addPointer(at, false, CodeInvalid, fmt.Sprintf("%.80q is not a duration that fits", s), "write it like 45m or 1d12h")
			}
		}
	}
	at := []string{"spec", "run", "captureOutput"}
	var captured crontopus.Size
	switch v := d.at(at...).(type) {
	case int64:
		captured = crontopus.Size(v)
	case string:
		var err error
		if captured, err = crontopus.ParseSize(v); err != nil {
			captured = crontopus.MaxCaptureOutput + 1
		}
	}
	if captured > crontopus.MaxCaptureOutput {
		d.addPointer(at, false, CodeInvalid, fmt.Sprintf("captureOutput is more than %s", crontopus.MaxCaptureOutput), "write "+crontopus.MaxCaptureOutput.String()+" or less; 0 keeps nothing")
	}
}

// checkRetries finds pauses that retry at once, or as good as never.
func (d *document) checkRetries(retries *crontopus.Retries) {
	at := func(field string) []string { return []string{"spec", "run", "retries", field} }
	for _, field := range []string{"backoff", "maxBackoff"} {
		text, written := d.at(at(field)...).(string)
		pause, err := crontopus.ParseDuration(text)
		if written && err == nil && (pause == 0 || pause > crontopus.MaxBackoff) {
			d.addPointer(at(field), false, CodeInvalid, fmt.Sprintf("%s is not above 0 and at most %s", field, crontopus.MaxBackoff), "write it like 30s")
		}
	}
	if retries != nil && retries.MaxBackoff > 0 && retries.MaxBackoff < retries.Backoff {
		d.addPointer(at("maxBackoff"), false, CodeInvalid, "maxBackoff is shorter than backoff", "write "+retries.Backoff.String()+" or more, or leave it out")
	}
}

// at returns the decoded value at a place, and nil where there is none.
func (d *document) at(keys ...string) any {
	var value any = d.root
	for _, key := range keys {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}
