package agent

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/schedule"
)

const (
	// lateness is how long after a due instant its run may still begin.
	lateness = 10 * time.Minute
	// steppedBack is how far in the future a claim may lie, after the clock was set back,
	// and still count for all that is before it. One from further ahead was made with a clock
	// that was wrong, and must not keep the job from running until then.
	steppedBack = time.Hour
)

// maxEras is how many eras of a claim are remembered apart. Beyond that the nearest two become
// one: rather is something between them not run than anything run twice.
const maxEras = 12

// claim is the record of what a job's runs have taken: no run for an instant up to Floor, none for
// one that was taken, and none for the boot, will be started on this host any more.
type claim struct {
	Floor   time.Time `json:"floor,omitzero"`   // when the entry came, or its schedule changed
	Eras    []era     `json:"eras,omitempty"`   // in order, each more than steppedBack after the one before
	Claimed time.Time `json:"claimed,omitzero"` // written by agents before there were eras
	Boot    string    `json:"boot,omitempty"`   // the boot id that @reboot took
}

// era is a time in which instants were taken one after the other. A clock that leaps begins
// another, so that going back neither runs again what the era before took, nor waits for
// the leap to be caught up with.
type era struct {
	From, To time.Time
}

// MarshalJSON writes a pair of Unix seconds: the record has to fit into a sector of a disk.
func (e era) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]int64{e.From.Unix(), e.To.Unix()})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (e *era) UnmarshalJSON(data []byte) error {
	var pair [2]int64
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	*e = era{time.Unix(pair[0], 0).UTC(), time.Unix(pair[1], 0).UTC()}
	return nil
}

// take remembers that a run was started for the instant.
func (c *claim) take(due time.Time) {
	eras := append(c.Eras, era{due, due})
	slices.SortFunc(eras, func(a, b era) int { return a.From.Compare(b.From) })
	gap := func(i int) time.Duration { return eras[i+1].From.Sub(eras[i].To) } // may be negative
	join := func(i int) {
		if eras[i+1].To.After(eras[i].To) {
			eras[i].To = eras[i+1].To
		}
		eras = slices.Delete(eras, i+1, i+2)
	}
	for i := 0; i < len(eras)-1; {
		if gap(i) > steppedBack {
			i++
			continue
		}
		join(i)
	}
	for len(eras) > maxEras {
		nearest := 0
		for i := range len(eras) - 1 {
			if gap(i) < gap(nearest) {
				nearest = i
			}
		}
		join(nearest)
	}
	c.Eras = eras
}

// taken reports whether the instant must not be run for any more, and whether anything is remembered
// that a missed run could be later than.
func (c *claim) taken(due, now time.Time) (taken, known bool) {
	past := func(t time.Time) bool { return !t.IsZero() && !t.After(now.Add(steppedBack)) }
	taken, known = past(c.Floor) && !due.After(c.Floor), past(c.Floor)
	for _, e := range c.Eras {
		known = known || past(e.To)
		if !due.After(e.To) && (past(e.To) || !due.Before(e.From)) {
			return true, known
		}
	}
	return taken, known
}

// Claimed is what a run was started for.
type Claimed struct {
	ScheduledFor time.Time // zero for @reboot
	Boot         bool
}

// TakeClaim takes what the job is due for: the newest due instant that no run has taken,
// that is not too late and not older than the entry, and with it, for @reboot, this boot; else
// the boot alone. It returns false when there is nothing to run for. The claim is on disk
// before it returns, and of several processes that ask at once exactly one gets it.
func (s State) TakeClaim(job *crontopus.Job, set *schedule.Set, boot string, now time.Time) (Claimed, bool, error) {
	var taken Claimed
	changed, err := s.changeClaim(job.Name(), func(c *claim) bool {
		if due, ok := c.due(job, set, now); ok {
			taken = Claimed{ScheduledFor: due}
			c.take(due)
			if set.Reboot() && boot != "" {
				// One run is enough for both, as for all that is due at one instant. A boot that was left
				// would be taken by whatever starts the job next, hours later: an agent that is restarted.
				c.Boot = boot
			}
			return true
		}
		if set.Reboot() && boot != "" && c.Boot != boot {
			taken = Claimed{Boot: true}
			c.Boot = boot
			return true
		}
		return false
	})
	return taken, changed && err == nil, err
}

// due returns the newest instant that may be claimed now.
func (c *claim) due(job *crontopus.Job, set *schedule.Set, now time.Time) (time.Time, bool) {
	due, ok := set.Prev(now)
	if !ok {
		return time.Time{}, false
	}
	taken, known := c.taken(due, now)
	if taken {
		return time.Time{}, false
	}
	catchUp := known && job.Spec.Monitor.CatchUp == crontopus.CatchUpOnce
	return due, catchUp || now.Sub(due) <= lateness
}

// ResetClaim begins a job's claims anew: it will run for what is due after now, and at the
// next boot. What was claimed stays claimed: a run may have come between now and the lock. It
// makes the job's files, so that a thousand first runs at one moment need not.
func (s State) ResetClaim(job crontopus.JobName, boot string, now time.Time) error {
	if lock, err := s.lockPlace(job); err == nil {
		_ = lock.Close() // nothing was done with it
	}
	_, err := s.changeClaim(job, func(c *claim) bool {
		*c = claim{Floor: now, Eras: c.Eras, Boot: boot}
		return true
	})
	return err
}

// changeClaim lets change see the record, alone, and writes it if change says so. A record
// that cannot be read is replaced: then only lateness bounds what may run.
func (s State) changeClaim(job crontopus.JobName, change func(*claim) bool) (changed bool, err error) {
	var unsaid error
	err = atomicfile.Update(filepath.Join(s.ClaimsDir(), fileName(job)), func(content []byte) (data []byte) {
		var c claim
		if json.Unmarshal(content, &c) != nil {
			c = claim{}
		}
		if !c.Claimed.IsZero() {
			c.Eras, c.Claimed = []era{{c.Claimed, c.Claimed}}, time.Time{}
		}
		if changed = change(&c); changed {
			data, unsaid = json.Marshal(c) // which cannot say the year 10,000
		}
		return data
	})
	if err = cmp.Or(unsaid, err); err != nil {
		return false, crontopus.Errorf(crontopus.CodeUnavailable, "cannot keep the claims of %s: %w", job, err).
			WithHint("run as the user who owns %s", s.Dir)
	}
	return changed, nil
}

// fileName is what a job's files are called. A name has no dot in it, so no two jobs share
// one.
func fileName(job crontopus.JobName) string { return job.Namespace + "." + job.Name }

// BootID returns what tells this boot of the host from every other, or "" where the
// system does not say.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
