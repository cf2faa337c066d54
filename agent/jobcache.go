package agent

import (
	"os"
	"sync"

	"crontopus.dev/crontopus"
)

// Jobs finds jobs of the stored bundle for a process that runs many of them: it verifies
// and reads the bundle when its file changes instead of each time.
type Jobs struct {
	state State

	mu     sync.Mutex
	file   os.FileInfo // what bundle was read from
	jobs   map[crontopus.JobName]*crontopus.Job
	bundle *crontopus.Bundle
}

// NewJobs returns a finder that has read nothing yet.
func NewJobs(state State) *Jobs { return &Jobs{state: state} }

// Find returns a job that must not be changed, and the revision that last changed it. Its
// errors are those of LoadJob.
func (j *Jobs) Find(name crontopus.JobName) (*crontopus.Job, string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.refresh(); err != nil {
		return nil, "", err
	}
	job, ok := j.jobs[name]
	if !ok {
		return nil, "", notHere(name)
	}
	return job, j.bundle.Revisions[name.String()], nil
}

func (j *Jobs) refresh() error {
	file, err := os.Stat(j.state.BundleFile())
	if err == nil && sameContent(file, j.file) {
		return nil
	}
	bundle, err := LoadBundle(j.state) // says what is wrong if the file cannot be examined
	if err != nil {
		return err
	}
	jobs := make(map[crontopus.JobName]*crontopus.Job, len(bundle.Jobs))
	for i := range bundle.Jobs {
		jobs[bundle.Jobs[i].Name()] = &bundle.Jobs[i]
	}
	j.file, j.jobs, j.bundle = file, jobs, bundle
	return nil
}

// sameContent reports whether a file is the one that was looked at before, if any was, and
// nobody has written to it since.
func sameContent(file, before os.FileInfo) bool {
	return before != nil && os.SameFile(file, before) && file.ModTime().Equal(before.ModTime()) && file.Size() == before.Size()
}
