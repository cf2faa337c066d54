package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/forecast"
)

// minute is a start of jobs of one target.
type minute struct {
	target string
	clock  string // whose zone it is: "", or each host's
	at     int64  // seconds from 1970
}

// herd finds the minutes in which too many jobs of one target start, and tells the first
// job of each. Jobs that spread themselves, and those that come more often than hourly,
// make no herd. Those in the time zone of their hosts meet each other by the clock of each
// host; whether they meet the others, nobody knows here.
func herd(docs []manifests.Document) (found []finding) {
	starting := map[minute][]*manifests.Document{}
	for i := range docs {
		doc := &docs[i]
		if doc.Job.Spec.Suspend || doc.Job.Spec.Target.Ping || doc.Job.Spec.Run.Splay > 0 {
			continue
		}
		target, clock := TargetName(&doc.Job.Spec.Target), ""
		if doc.Job.Spec.Timezone == crontopus.TimezoneHost {
			clock = crontopus.TimezoneHost
		}
		for _, at := range startsOf(doc.Job) {
			m := minute{target, clock, at}
			starting[m] = append(starting[m], doc)
		}
	}
	told := map[*manifests.Document]bool{}
	for _, m := range slices.SortedFunc(maps.Keys(starting), compareMinutes) {
		jobs := starting[m]
		if len(jobs) <= forecast.HerdSize || told[jobs[0]] {
			continue
		}
		told[jobs[0]] = true
		found = append(found, finding{
			doc: jobs[0], pointer: "/spec/schedule",
			message: fmt.Sprintf("%d jobs start on %s in the same minute as this one", len(jobs)-1, m.target),
			hint:    "write H for the minute, or set run.splay, to spread them",
		})
	}
	return found
}

func compareMinutes(a, b minute) int {
	return cmp.Or(strings.Compare(a.target, b.target), cmp.Compare(a.at, b.at), strings.Compare(a.clock, b.clock))
}

// startsOf returns the job's runs on the calendar's first day, or its first one after it.
func startsOf(job *crontopus.Job) []int64 {
	if job.Spec.Timezone == crontopus.TimezoneHost {
		anywhere := *job
		anywhere.Spec.Timezone = crontopus.DefaultTimezone
		job = &anywhere
	}
	set := times(job)
	if set == nil {
		return nil
	}
	var starts []int64
	day := calendarFrom.AddDate(0, 0, 1)
	for at, ok := set.Next(calendarFrom.Add(-time.Second)); ok && (len(starts) == 0 || at.Before(day)); at, ok = set.Next(at) {
		if starts = append(starts, at.Unix()); len(starts) > 24 {
			return nil
		}
	}
	return starts
}

// TargetName says which agents a target means; two of one name mean the same.
func TargetName(t *crontopus.Target) string {
	switch {
	case t.All:
		return "all agents"
	case t.Ping:
		return "no agent"
	case len(t.Agents) > 0:
		return strings.Join(slices.Sorted(slices.Values(t.Agents)), ", ")
	}
	pairs := make([]string, 0, len(t.Labels))
	for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
		pairs = append(pairs, key+"="+t.Labels[key])
	}
	return strings.Join(pairs, ",")
}

// lookAlikes maps what eyes take for the same to one form.
var lookAlikes = strings.NewReplacer("0", "o", "1", "l", "i", "l", "rn", "m", "vv", "w", "5", "s", "--", "-")

// similarNames finds jobs of one namespace whose names look alike.
func similarNames(docs []manifests.Document) (found []finding) {
	first := map[crontopus.JobName]*manifests.Document{}
	for i := range docs {
		doc := &docs[i]
		looks := crontopus.JobName{Namespace: doc.Job.Metadata.Namespace, Name: lookAlikes.Replace(doc.Job.Metadata.Name)}
		other, taken := first[looks]
		switch {
		case !taken:
			first[looks] = doc
		case other.Job.Name() != doc.Job.Name() && !numbered(other.Job.Metadata.Name, doc.Job.Metadata.Name):
			found = append(found, finding{
				doc: doc, pointer: "/metadata/name",
				message: fmt.Sprintf("%s looks like %s in %s:%d", doc.Job.Metadata.Name, other.Job.Metadata.Name, other.Path, other.Line),
				hint:    "give one of them a name that says what is different",
			})
		}
	}
	return found
}

// numbered reports names that differ only where both have a digit: people read numbers.
func numbered(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && (!isDigit(a[i]) || !isDigit(b[i])) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
