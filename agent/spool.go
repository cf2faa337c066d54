package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/filelock"
)

// Limits of a Spool and of what it sends at once.
const (
	maxSpooled      = 10_000
	maxSpooledBytes = 64 << 20
	maxBatchBytes   = 512 << 10
	// checkEvery is how many check-ins a long-lived Spool adds between two looks at its
	// limits; so many more than the limit there may be.
	checkEvery = 64
	// drainMargin covers a check-in that has its time already but not yet its file.
	drainMargin = 5 * time.Second
)

// Send delivers check-ins and returns a result for each, in their order.
type Send func(ctx context.Context, checkIns []crontopus.CheckIn) ([]wire.CheckInResult, error)

// Spool keeps check-ins on disk until the server has answered for them, one file each, in
// the order in which they were added. Any number of processes may add and deliver.
type Spool struct {
	dir             string
	most, mostBytes int // how much may wait

	mu    sync.Mutex
	added int // since the limits were last looked at
}

// NewSpool returns the spool in a folder that exists.
func NewSpool(dir string) *Spool {
	return &Spool{dir: dir, most: maxSpooled, mostBytes: maxSpooledBytes}
}

// Add puts a check-in into the spool; when it returns nil it is on disk. A full spool makes
// room, with the oldest starts first, since a run's end also tells that it began.
func (s *Spool) Add(c crontopus.CheckIn) error {
	data, err := json.Marshal(c)
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "cannot encode a check-in: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "cannot name a check-in: %w", err)
	}
	s.makeRoom()
	name := spooled{id: id.String(), final: c.Final(), size: len(data)}.name()
	if err := atomicfile.Write(filepath.Join(s.dir, name), data, 0o600); err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot spool a check-in: %w", err)
	}
	return nil
}

// Deliver sends what is in the spool, oldest first, until it is empty, and takes out what
// the server has answered for, be it with yes or no. While another process delivers, it waits.
// On an error the rest stays for the next time.
func (s *Spool) Deliver(ctx context.Context, send Send) error {
	lock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	for ctx.Err() == nil {
		batch, checkIns, err := s.batch()
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := s.deliver(ctx, send, batch, checkIns); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// deliver sends one batch. If the server will not have it as a whole, each half is tried
// by itself, so that one check-in that it cannot take does not block all behind it.
func (s *Spool) deliver(ctx context.Context, send Send, batch []spooled, checkIns []crontopus.CheckIn) error {
	results, err := send(ctx, checkIns)
	switch code := crontopus.ErrorCode(err); {
	case err == nil && len(results) != len(batch):
		return crontopus.Errorf(crontopus.CodeInternal, "the server answered %d check-ins with %d results", len(batch), len(results))
	case err == nil:
		return s.settle(batch, results)
	case code != crontopus.CodeInvalid && code != crontopus.CodeTooLarge:
		return err
	case len(batch) == 1:
		return s.drop(batch)
	}
	half := len(batch) / 2
	if err := s.deliver(ctx, send, batch[:half], checkIns[:half]); err != nil {
		return err
	}
	return s.deliver(ctx, send, batch[half:], checkIns[half:])
}

// settle takes out what has its final answer.
func (s *Spool) settle(batch []spooled, results []wire.CheckInResult) error {
	var later error
	for i, result := range results {
		if result.Status >= http.StatusInternalServerError || result.Status == http.StatusTooManyRequests {
			later = crontopus.Errorf(crontopus.CodeUnavailable, "the server could not take a check-in: %s", result.Message)
			continue
		}
		if err := s.remove(batch[i]); err != nil {
			return err
		}
	}
	return later
}

// DrainedUpTo returns a time up to which every check-in of this host has been delivered.
func (s *Spool) DrainedUpTo(now time.Time) (time.Time, error) {
	drained := now.Add(-drainMargin)
	waiting, err := s.list()
	if err != nil || len(waiting) == 0 {
		return drained, err
	}
	if oldest := waiting[0].time().Add(-drainMargin); oldest.Before(drained) {
		drained = oldest
	}
	return drained, nil
}

// Len returns how many check-ins wait.
func (s *Spool) Len() (int, error) {
	waiting, err := s.list()
	return len(waiting), err
}

// spooled is what a spool file's name says, so that most questions need no file opened.
type spooled struct {
	id    string // a UUIDv7: names sort by time
	final bool
	size  int
}

var spooledName = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\.(start|final)\.([0-9]{1,9})\.json$`)

func (f spooled) name() string {
	kind := "start"
	if f.final {
		kind = "final"
	}
	return fmt.Sprintf("%s.%s.%d.json", f.id, kind, f.size)
}

func (f spooled) time() time.Time {
	ms, _ := strconv.ParseInt(strings.ReplaceAll(f.id[:13], "-", ""), 16, 64)
	return time.UnixMilli(ms)
}

// list returns what waits, oldest first.
func (s *Spool) list() ([]spooled, error) {
	dir, err := os.Open(s.dir)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the spool: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the spool: %w", err)
	}
	slices.Sort(names)
	var waiting []spooled
	for _, name := range names {
		if parts := spooledName.FindStringSubmatch(name); parts != nil {
			size, _ := strconv.Atoi(parts[3])
			waiting = append(waiting, spooled{parts[1], parts[2] == "final", size})
		}
	}
	return waiting, nil
}

// batch reads as many of the oldest check-ins as one request takes. A file that is no
// check-in is set aside.
func (s *Spool) batch() (batch []spooled, checkIns []crontopus.CheckIn, err error) {
	waiting, err := s.list()
	if err != nil {
		return nil, nil, err
	}
	bytes := 0
	for _, f := range waiting {
		if len(batch) == wire.MaxCheckIns || (len(batch) > 0 && bytes+f.size > maxBatchBytes) {
			break
		}
		data, err := os.ReadFile(filepath.Join(s.dir, f.name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process made room
		}
		if err != nil {
			return nil, nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the spool: %w", err)
		}
		c, ok := parseSpooled(data)
		if !ok {
			if err := s.setAside(f); err != nil {
				return nil, nil, err
			}
			continue
		}
		batch, checkIns, bytes = append(batch, f), append(checkIns, c), bytes+len(data)
	}
	return batch, checkIns, nil
}

// parseSpooled reads a spool file. False means that it was damaged.
func parseSpooled(data []byte) (crontopus.CheckIn, bool) {
	var c crontopus.CheckIn
	err := json.Unmarshal(data, &c)
	return c, err == nil && c.RunID != "" && c.Event.State() != "" && crontopus.ValidName(c.Job.Name)
}

func (s *Spool) lock(ctx context.Context) (*filelock.Lock, error) {
	for {
		lock, err := filelock.TryLock(filepath.Join(s.dir, "lock"))
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, filelock.ErrLocked) {
			return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot lock the spool: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond): // flock has no event to wait for
		}
	}
}
