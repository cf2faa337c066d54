package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
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

// Spool keeps check-ins on disk until the server has answered for them, in the order in which
// they were added. Each is in a file of its own, unless several are added at one moment.
// Any number of processes may add and deliver.
type Spool struct {
	dir             string
	most, mostBytes int // how much may wait
	adding          groups

	mu    sync.Mutex
	added int // since the limits were last looked at
}

// NewSpool returns the spool in a folder that exists.
func NewSpool(dir string) *Spool {
	return &Spool{dir: dir, most: maxSpooled, mostBytes: maxSpooledBytes}
}

// Add puts check-ins, a few, into the spool; when it returns nil they are on disk. A full spool
// makes room, with the oldest starts first, since a run's end also tells that it began.
func (s *Spool) Add(checkIns ...crontopus.CheckIn) error {
	var what spooled
	var lines []byte
	for _, c := range checkIns {
		line, err := encode(c)
		if err != nil {
			return err
		}
		lines = append(lines, line...)
		what.final, what.count = what.final || c.Final(), what.count+1
	}
	return s.adding.add(what, lines, s.write)
}

// write puts check-ins into a file.
func (s *Spool) write(f spooled, data []byte) error {
	s.makeRoom(f.count)
	if err := atomicfile.Write(filepath.Join(s.dir, f.name()), data, 0o600); err != nil {
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
		batch, err := s.batch()
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := s.deliver(ctx, send, batch); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// parcel is a spool file with what it holds.
type parcel struct {
	spooled
	checkIns []crontopus.CheckIn
}

// deliver sends one batch. If the server will not have it as a whole, each part is tried
// by itself, so that one check-in that it cannot take does not block all behind it.
func (s *Spool) deliver(ctx context.Context, send Send, batch []parcel) error {
	var all []crontopus.CheckIn
	for _, p := range batch {
		all = append(all, p.checkIns...)
	}
	results, err := send(ctx, all)
	switch code := crontopus.ErrorCode(err); {
	case err == nil && len(results) != len(all):
		return crontopus.Errorf(crontopus.CodeInternal, "the server answered %d check-ins with %d results", len(all), len(results))
	case err == nil:
		return s.settle(batch, results)
	case code != crontopus.CodeInvalid && code != crontopus.CodeTooLarge:
		return err
	case len(batch) == 1 && len(all) == 1:
		return s.drop([]spooled{batch[0].spooled})
	case len(batch) == 1:
		return s.unpack(batch[0])
	}
	half := len(batch) / 2
	if err := s.deliver(ctx, send, batch[:half]); err != nil {
		return err
	}
	return s.deliver(ctx, send, batch[half:])
}

// unpack gives each check-in of a file its own, for the next batch.
func (s *Spool) unpack(p parcel) error {
	for i, c := range p.checkIns {
		line, err := encode(c)
		if err != nil {
			return err
		}
		if err := s.write(spooled{id: p.nth(i), final: c.Final(), size: len(line), count: 1}, line); err != nil {
			return err
		}
	}
	return s.remove(p.spooled)
}

// nth names the nth check-in of a file: it has waited since then, and stays in its order.
func (f spooled) nth(n int) string { return fmt.Sprintf("%s%03x%s", f.id[:15], n, f.id[18:]) }

// encode writes a check-in as a line of a file.
func encode(c crontopus.CheckIn) ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInternal, "cannot encode a check-in: %w", err)
	}
	return append(data, '\n'), nil
}

// settle takes out what has its final answer. A file of which something is to be sent again
// stays as it is: sending the rest again does no harm.
func (s *Spool) settle(batch []parcel, results []wire.CheckInResult) error {
	var later error
	for _, p := range batch {
		answers := results[:len(p.checkIns)]
		results = results[len(p.checkIns):]
		again := slices.IndexFunc(answers, func(r wire.CheckInResult) bool {
			return r.Status >= http.StatusInternalServerError || r.Status == http.StatusTooManyRequests
		})
		if again >= 0 {
			later = crontopus.Errorf(crontopus.CodeUnavailable, "the server could not take a check-in: %s", answers[again].Message)
			continue
		}
		if err := s.remove(p.spooled); err != nil {
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
	n := 0
	for _, f := range waiting {
		n += f.count
	}
	return n, err
}

// spooled is what a spool file's name says, so that most questions need no file opened.
type spooled struct {
	id    string // a UUIDv7: names sort by time
	final bool   // whether one of them is
	size  int
	count int // how many check-ins are in it, a line each
}

// spooledAs reads what name wrote; other files have no business in the folder, and are left alone.
func spooledAs(name string) (f spooled, ok bool) {
	id, rest, _ := strings.Cut(name, ".")
	kind, rest, _ := strings.Cut(rest, ".")
	size, _, _ := strings.Cut(rest, ".")
	size, count, together := strings.Cut(size, "x")
	f = spooled{id: id, final: kind == "final", count: 1}
	f.size, _ = strconv.Atoi(size) // what is no number is not written so again
	if together {
		f.count, _ = strconv.Atoi(count)
	}
	u, err := uuid.Parse(id)
	return f, err == nil && u.Version() == 7 && u.String() == id && f.size >= 0 && f.count > 0 && f.name() == name
}

func (f spooled) name() string {
	kind, count := "start", ""
	if f.final {
		kind = "final"
	}
	if f.count > 1 {
		count = fmt.Sprintf("x%d", f.count)
	}
	return fmt.Sprintf("%s.%s.%d%s.json", f.id, kind, f.size, count)
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
		if f, ok := spooledAs(name); ok {
			waiting = append(waiting, f)
		}
	}
	return waiting, nil
}

// batch reads as many of the oldest check-ins as one request takes. A file that holds no
// check-ins is set aside.
func (s *Spool) batch() (batch []parcel, err error) {
	waiting, err := s.list()
	if err != nil {
		return nil, err
	}
	count, size := 0, 0
	for _, f := range waiting {
		if count+f.count > wire.MaxCheckIns || (len(batch) > 0 && size+f.size > maxBatchBytes) {
			break
		}
		data, err := os.ReadFile(filepath.Join(s.dir, f.name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process made room
		}
		if err != nil {
			return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the spool: %w", err)
		}
		checkIns, ok := parseSpooled(data)
		if !ok {
			if err := s.setAside(f); err != nil {
				return nil, err
			}
			continue
		}
		f.count = len(checkIns)
		batch, count, size = append(batch, parcel{f, checkIns}), count+f.count, size+len(data)
	}
	return batch, nil
}

// parseSpooled reads a spool file. False means that it was damaged.
func parseSpooled(data []byte) (all []crontopus.CheckIn, ok bool) {
	lines := json.NewDecoder(bytes.NewReader(data))
	for lines.More() {
		var c crontopus.CheckIn
		if err := lines.Decode(&c); err != nil || c.RunID == "" || c.Event.State() == "" || !crontopus.ValidName(c.Job.Name) {
			return nil, false
		}
		all = append(all, c)
	}
	return all, len(all) > 0 && len(all) <= maxTogether
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
