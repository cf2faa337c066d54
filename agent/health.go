package agent

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// deadFor is how long nobody may have started entries before it is told: a cron that is being
// restarted is not dead.
const deadFor = 3 * time.Second

const (
	sameLoss = time.Hour          // check-ins that are lost less far apart are lost together
	lossKept = 7 * 24 * time.Hour // how long it is told
)

// health is what a daemon knows of its host that explains why jobs did not run. The reporter's
// lock guards it.
type health struct {
	host    crontopus.HostHealth // but for what is looked at anew each time
	lastly  time.Time            // when the server was last heard, or the daemon started
	cut     error                // what polls have ended with since; nil while they are answered
	dead    func() string        // why nothing starts entries; nil: nobody can know
	deadNow trouble
	fullNow trouble
	still   standstill
	folders []string // that the agent and its jobs write to
}

// trouble is something that may be wrong now. It is told once it has been seen for a while, and
// remembered when it is over: what was due meanwhile is judged later.
type trouble struct {
	since time.Time // when it was first seen
	why   string    // what was seen last, "" for nothing
	was   *crontopus.Outage
}

// see takes what is wrong now, "" for nothing, and returns it if it has been so for least.
func (t *trouble) see(now time.Time, why string, least time.Duration) (told string) {
	if why == "" && t.why != "" && now.Sub(t.since) >= least {
		t.was = &crontopus.Outage{Since: t.since.UTC(), Until: now.UTC(), Why: t.why}
	}
	if t.why == "" {
		t.since = now
	}
	t.why = why
	if now.Sub(t.since) < least {
		return ""
	}
	return why
}

func newHealth(o DaemonOptions) *health {
	boot := o.Boot
	if boot == nil {
		boot = kernelBoot
	}
	started := o.Now().UTC()
	h := &health{host: crontopus.HostHealth{StartedAt: started}, lastly: started, folders: []string{o.State.Dir, os.TempDir()}}
	if at, err := o.State.lastAlive(); err == nil && !at.After(started) {
		h.host.AliveUntil = &at
	}
	h.still.up = o.Uptime
	if h.still.up == nil {
		h.still.up = kernelUptime
	}
	id, at := boot()
	h.host.BootID = id
	if !at.IsZero() {
		at = at.UTC()
		h.host.BootedAt = &at
	}
	if s, ok := o.Scheduler.(interface{ Dead() string }); ok {
		h.dead = s.Dead
	}
	return h
}

// alive notes that the daemon is at work: the one after it, perhaps of another boot, says until when. That
// it cannot be noted is told by whoever writes the report.
func (s State) alive(now time.Time) { _ = os.Chtimes(s.ReportFile(), time.Time{}, now) }

// lastAlive is when a daemon last noted that.
func (s State) lastAlive() (time.Time, error) {
	info, err := os.Stat(s.ReportFile())
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime().UTC(), nil
}

// heard notes what a poll ended with. The first that is answered after others were not says
// how long the host was cut off.
func (h *health) heard(now time.Time, err error) {
	now = now.UTC()
	if err != nil {
		h.cut = err
		return
	}
	if h.cut != nil {
		since := h.lastly
		h.host.UnheardSince, h.host.UnheardUntil, h.host.UnheardWhy = &since, &now, h.cut.Error()
	}
	h.lastly, h.cut = now, nil
}

// lost notes that a check-in could not be kept, and reports whether that is news.
func (h *health) lost(now time.Time, why string) (news bool) {
	now = now.UTC()
	loss := crontopus.Outage{Since: now, Until: now, Why: why}
	if last := h.host.CheckInsLost; last != nil && now.Sub(last.Until).Abs() < sameLoss {
		loss.Since = last.Since
	}
	h.host.CheckInsLost = &loss
	return loss.Since.Equal(now)
}

// now is what there is to say. It calls again when there may be more to it soon.
func (h *health) now(now time.Time, again func()) *crontopus.HostHealth {
	host := h.host
	if lost := host.CheckInsLost; lost != nil && now.Sub(lost.Until) > lossKept {
		host.CheckInsLost = nil
	}
	host.DiskFull = h.fullNow.see(now, fullFolder(h.folders), 0)
	host.DiskWas = h.fullNow.was
	if h.dead == nil {
		return &host
	}
	why := h.dead()
	if why != "" && h.deadNow.why == "" {
		time.AfterFunc(deadFor, again)
	}
	host.SchedulerDead = h.deadNow.see(now, why, deadFor)
	host.SchedulerWas = h.deadNow.was
	return &host
}

// fullFolder names the first folder that has no room left for who is not root.
func fullFolder(folders []string) string {
	for _, dir := range folders {
		switch room, files, known := roomIn(dir); {
		case !known:
		case room == 0:
			return dir + " (its disk is full)"
		case files == 0:
			return dir + " (its disk holds as many files as it can)"
		}
	}
	return ""
}

// kernelBoot is when the running system was started, and what tells it from every other.
func kernelBoot() (id string, at time.Time) {
	stat, err := os.Open("/proc/stat")
	if err != nil {
		return BootID(), time.Time{}
	}
	defer stat.Close()
	for lines := bufio.NewScanner(stat); lines.Scan(); {
		if seconds, is := strings.CutPrefix(lines.Text(), "btime "); is {
			if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
				at = time.Unix(n, 0)
			}
			break
		}
	}
	return BootID(), at
}
