package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// claimsKept is how long the claims of a job that is gone are kept. Nothing later than lateness is
// run, so they could go sooner; the rest is for clocks that are wrong.
const claimsKept = 30 * 24 * time.Hour

// forgetJobs removes what is kept for jobs that the bundle has no more and that have not run for
// long. One that comes back is new here, and runs for what is due from then on.
func (s State) forgetJobs(bundle *crontopus.Bundle, now time.Time) error {
	stays := make(map[string]bool, len(bundle.Jobs))
	for i := range bundle.Jobs {
		stays[fileName(bundle.Jobs[i].Name())] = true
	}
	files, err := os.ReadDir(s.ClaimsDir())
	for _, file := range files {
		namespace, name, _ := strings.Cut(file.Name(), ".")
		job := crontopus.JobName{Namespace: namespace, Name: name}
		if stays[file.Name()] || !crontopus.ValidName(namespace) || !crontopus.ValidName(name) {
			continue
		}
		info, unknown := file.Info()
		if unknown == nil && now.Sub(info.ModTime()) > claimsKept {
			err = errors.Join(err, s.forgetJob(job))
		}
	}
	return err
}

// forgetJob leaves alone what a run still holds. The claim goes last: without it nobody looks for
// the rest.
func (s State) forgetJob(job crontopus.JobName) error {
	place, err := s.lockRun(job)
	if errors.Is(err, errBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer place.Close()
	file := s.placeFile(job)
	for _, path := range []string{file + ".next", s.askFile(job), file, filepath.Join(s.ClaimsDir(), fileName(job))} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return crontopus.Errorf(crontopus.CodeUnavailable, "cannot forget %s: %w", job, err)
		}
	}
	return nil
}
