package syncer

import (
	"fmt"
	"sync"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// What a revision may come to in the server's memory. The child's limits do not bound it: one
// blob can stand at many paths, and one manifest be many jobs.
const (
	maxRevisionBytes    = 128 << 20 // of files, each counted as often as there are paths to it
	maxRevisionJobs     = 200_000
	maxRevisionText     = 256 << 20 // of what the jobs say
	maxRevisionAlerting = 10_000    // policies, channels and windows: each incident is held against all of them
)

// cost is what one file adds.
type cost struct{ bytes, jobs, text, alerting, problems int }

// costOf returns what a decoded blob of that many bytes costs at each of its paths.
func costOf(size int, d *decoded) cost {
	c := cost{bytes: size, jobs: len(d.docs), alerting: len(d.alerting), problems: len(d.problems)}
	for i := range d.docs {
		c.text += textOf(d.docs[i].Job)
	}
	return c
}

// textOf is about how many bytes of text a job holds.
func textOf(job *crontopus.Job) int {
	run := &job.Spec.Run
	n := 512 + len(job.Metadata.Description) + len(run.Script) + len(run.WorkingDirectory)
	for _, word := range run.Command {
		n += len(word)
	}
	for _, texts := range []map[string]string{job.Metadata.Labels, job.Metadata.Annotations, run.Environment, run.Secrets} {
		for key, value := range texts {
			n += len(key) + len(value)
		}
	}
	return n
}

// budget adds up what the files of a revision cost.
type budget struct {
	mu    sync.Mutex
	spent cost
}

// replace counts a file at so many paths, instead of what was counted for each of them before.
// The failure says which bound is crossed.
func (b *budget) replace(paths int, before, now cost) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent.bytes += paths * (now.bytes - before.bytes)
	b.spent.jobs += paths * (now.jobs - before.jobs)
	b.spent.text += paths * (now.text - before.text)
	b.spent.alerting += paths * (now.alerting - before.alerting)
	b.spent.problems += paths * (now.problems - before.problems)
	switch {
	case b.spent.bytes > maxRevisionBytes:
		return tooMuch("its manifests have more than %s together", crontopus.Size(maxRevisionBytes))
	case b.spent.jobs > maxRevisionJobs:
		return tooMuch("it has more than %d jobs", maxRevisionJobs)
	case b.spent.text > maxRevisionText:
		return tooMuch("its jobs say more than %s together", crontopus.Size(maxRevisionText))
	case b.spent.alerting > maxRevisionAlerting:
		return tooMuch("it has more than %d policies, channels and windows", maxRevisionAlerting)
	case b.spent.problems > manifests.MaxProblems:
		return tooMuch("it has more than %d problems", manifests.MaxProblems)
	}
	return nil
}

func tooMuch(format string, args ...any) *failure {
	return stalled(crontopus.ReasonVerificationFailed, "the revision is too large: %s; spread it over several sources", fmt.Sprintf(format, args...))
}

// maxHostText is how much text the jobs of one host may be, so that its bundle is one that a
// verifier reads: base64 and JSON make a half more of it.
const maxHostText = 20 << 20

// overfull finds the hosts for which the revision has more than a bundle holds, and says so at
// the longest job of the first one.
func (l *loaded) overfull(agents []crontopus.Agent) []crontopus.Problem {
	if l.text <= maxHostText {
		return nil
	}
	for i := range agents {
		total, longest := 0, -1
		for k := range l.docs {
			job := l.docs[k].Job
			if !manifests.RunsOn(job, &agents[i]) {
				continue
			}
			total += textOf(job)
			if longest < 0 || textOf(job) > textOf(l.docs[longest].Job) {
				longest = k
			}
		}
		if total > maxHostText {
			doc := &l.docs[longest]
			return []crontopus.Problem{{File: doc.Path, Line: doc.Line, Column: doc.Column, Code: manifests.CodeTooLarge,
				Message: fmt.Sprintf("the jobs of the host %s say more than %s together, which no bundle holds; this is the longest", agents[i].Name, crontopus.Size(maxHostText)),
				Hint:    "install long scripts on the host and let the job start them"}}
		}
	}
	return nil
}
