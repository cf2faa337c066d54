package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/filelock"
)

// State is the folder that an agent remembers in. Every file in it is replaced whole, so
// that the daemon, a run and a person's command may use it at the same time.
type State struct{ Dir string }

// The files of a State.
func (s State) KeyFile() string        { return s.path("key") }           // the host's private key; it never leaves
func (s State) NextKeyFile() string    { return s.path("key.next") }      // see RotateKey
func (s State) IdentityFile() string   { return s.path("identity.json") } // who we are and whom we trust
func (s State) BundleFile() string     { return s.path("bundle") }        // the last good bundle, in its envelope
func (s State) SealedJobsFile() string { return s.path("jobs") }          // what is in bundle, job by job, see LoadJob
func (s State) MarkFile() string       { return s.path("mark.json") }     // the highest generation ever accepted
func (s State) AppliedFile() string    { return s.path("applied.json") }  // the entries that were last written
func (s State) ReportFile() string     { return s.path("report.json") }   // what there was last to say, see HostReport
func (s State) ConfigFile() string     { return s.path("agent.yaml") }    // settings for entries, where the daemon has others than its file
func (s State) PausedFile() string     { return s.path("paused") }
func (s State) LockFile() string       { return s.path("lock") }
func (s State) keyLockFile() string    { return s.path("key.lock") } // held while the key is changed
func (s State) bellFile() string       { return s.path("bell") }     // a pipe at which the daemon listens, see Ring
func (s State) lossFile() string       { return s.path("losses") }   // a pipe at which the daemon hears what was lost, see OnLoss
func (s State) ClaimsDir() string      { return s.path("claims") }   // due instants that a run has taken, by job
func (s State) LocksDir() string       { return s.path("locks") }    // who runs, by job
func (s State) SpoolDir() string       { return s.path("spool") }    // check-ins to be delivered

func (s State) path(name string) string { return filepath.Join(s.Dir, name) }

// Create makes the folders, for their owner only, as far as they are missing. A folder that
// was there must be one that nobody else can write to. It is swept of what a killed agent left.
func (s State) Create() error {
	folders := []string{s.Dir, s.ClaimsDir(), s.LocksDir(), s.SpoolDir()}
	for _, dir := range folders {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return crontopus.Errorf(crontopus.CodeInvalid, "cannot make the state folder: %w", err).
				WithHint("run as a user who may write there, or choose another folder with --state-dir")
		}
	}
	if err := s.trusted(); err != nil {
		return err
	}
	for _, dir := range folders {
		atomicfile.Sweep(dir)
	}
	return nil
}

// Lock keeps a second daemon, or an enrolment, out of the folder until it is closed.
func (s State) Lock() (*filelock.Lock, error) {
	lock, err := filelock.TryLock(s.LockFile())
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return nil, crontopus.Errorf(crontopus.CodeConflict, "another crontopus-agent is using the state folder %s", s.Dir).
			WithHint("stop that one first, or give this one a folder of its own with --state-dir and an enrolment of its own")
	case err != nil:
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot lock the state folder: %w", err).
			WithHint("run as the user who owns %s, or choose another folder with --state-dir", s.Dir)
	}
	return lock, nil
}

// Paused reports whether a person has paused this host. A file that cannot be examined
// counts as paused: who said stop must be heard.
func (s State) Paused() bool {
	_, err := os.Stat(s.PausedFile())
	return !errors.Is(err, fs.ErrNotExist)
}

// Pause stops runs from starting on this host, at once and without the server.
func (s State) Pause() error {
	if err := atomicfile.Write(s.PausedFile(), nil, 0o600); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot pause: %w", err).
			WithHint("run as the user who owns %s", s.Dir)
	}
	return nil
}

// Resume ends Pause. Runs that would have started meanwhile are not made up for.
func (s State) Resume() error {
	if err := os.Remove(s.PausedFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot resume: %w", err).
			WithHint("run as the user who owns %s", s.Dir)
	}
	return nil
}

// writeJSON replaces a file of the folder.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "cannot encode %s: %w", path, err)
	}
	if err := atomicfile.Write(path, append(data, '\n'), 0o600); err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot write the agent's state: %w", err)
	}
	return nil
}

// readJSON reads what writeJSON wrote. The error wraps fs.ErrNotExist if there is no file.
func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return crontopus.Errorf(crontopus.CodeForbidden, "cannot read the agent's state: %w", err).
			WithHint("run as the user who owns %s, which is root where the agent is the host's", filepath.Dir(path))
	}
	if err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the agent's state: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "%s is damaged: %w", path, err)
	}
	return nil
}
