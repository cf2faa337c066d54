package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"crontopus.dev/crontopus"
)

// makeRoom keeps the spool within its limits when so many check-ins come. It is no reason to
// lose them if that fails.
func (s *Spool) makeRoom(coming int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.added == 0
	s.added += coming
	if !first && s.added < checkEvery {
		return
	}
	s.added = 1
	waiting, err := s.list()
	if err != nil {
		return
	}
	_ = s.drop(excess(waiting, s.most-coming, s.mostBytes)) // the next check-in tries again
}

// excess chooses what has to go: the oldest starts, then the oldest of all.
func excess(waiting []spooled, most, mostBytes int) []spooled {
	count, bytes := 0, 0
	for _, f := range waiting {
		count, bytes = count+f.count, bytes+f.size
	}
	var out []spooled
	for _, final := range []bool{false, true} {
		for _, f := range waiting {
			if count <= most && bytes <= mostBytes {
				return out
			}
			if f.final == final {
				out, count, bytes = append(out, f), count-f.count, bytes-f.size
			}
		}
	}
	return out
}

// drop takes check-ins out undelivered, and counts them.
func (s *Spool) drop(files []spooled) error {
	if len(files) == 0 {
		return nil
	}
	dropped := 0
	for _, f := range files {
		if err := s.remove(f); err != nil {
			return err
		}
		dropped += f.count
	}
	return s.count(dropped)
}

// setAside keeps the newest damaged file for a person to look at.
func (s *Spool) setAside(f spooled) error {
	if err := os.Rename(filepath.Join(s.dir, f.name()), filepath.Join(s.dir, "damaged")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot set a damaged check-in aside: %w", err)
	}
	return s.count(f.count)
}

func (s *Spool) remove(f spooled) error {
	if err := os.Remove(filepath.Join(s.dir, f.name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot take a check-in out of the spool: %w", err)
	}
	return nil
}

// Dropped returns how many check-ins were lost for want of room, or because they were
// damaged or refused as a whole, since the spool was made.
func (s *Spool) Dropped() int {
	var n int
	_ = readJSON(s.droppedFile(), &n) // no file, no losses; a damaged one counts anew
	return n
}

func (s *Spool) count(n int) error { return writeJSON(s.droppedFile(), s.Dropped()+n) }

func (s *Spool) droppedFile() string { return filepath.Join(s.dir, "dropped.json") }
