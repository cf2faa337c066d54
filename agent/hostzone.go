package agent

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// hostFiles are where a host says what time it is there.
type hostFiles struct{ root, tz string }

func thisHost() hostFiles { return hostFiles{"/", os.Getenv("TZ")} }

// HostZone returns the IANA name of the host's own zone: what /etc/localtime says, for
// that is what cron goes by. It is "" where that has no name.
func HostZone() string { return thisHost().localtime() }

// CronZone returns the zone in which the host's cron counts, or "" when that cannot be said
// for certain; then schedules are kept by the gate instead.
func CronZone() string { return thisHost().cronZone() }

// ProcessZone returns the zone of this very process: where TZ names none, it is the
// host's.
func ProcessZone() string { return thisHost().processZone() }

// ZoneOf returns what `timezone: host` means under a scheduler.
func ZoneOf(scheduler string) string {
	if scheduler == SchedulerBuiltin {
		return ProcessZone()
	}
	return HostZone()
}

// cronZone is in doubt where a TZ of our own says otherwise, for cron's may differ too, and
// where the zone was changed under a cron that runs: it keeps the offset that it began with.
func (h hostFiles) cronZone() string {
	name := h.localtime()
	if tz := h.tzName(); tz != "" && tz != name && !sameZones(h.zones(), tz, name) {
		return ""
	}
	if h.changedUnderCron() {
		return ""
	}
	return name
}

func (h hostFiles) processZone() string {
	if tz := h.tzName(); tz != "" {
		return known(tz)
	}
	return h.localtime()
}

// tzName is the zone that TZ names, "" for none. A path is a way to name one, too.
func (h hostFiles) tzName() string {
	tz := strings.TrimPrefix(h.tz, ":")
	if _, name, found := strings.Cut(tz, "/zoneinfo/"); found {
		return name
	}
	if tz == "/etc/localtime" {
		return ""
	}
	return tz
}

func (h hostFiles) zones() string { return filepath.Join(h.root, "usr/share/zoneinfo") }

// changedUnderCron reports whether /etc/localtime is newer than the file in which cron
// notes its number when it starts.
func (h hostFiles) changedUnderCron() bool {
	zone, err := os.Lstat(filepath.Join(h.root, "etc/localtime"))
	if err != nil {
		return false
	}
	cron, err := os.Stat(filepath.Join(h.root, "run/crond.pid"))
	return err == nil && zone.ModTime().After(cron.ModTime())
}

func sameZones(zones, a, b string) bool {
	rules, err := os.ReadFile(filepath.Join(zones, a))
	return err == nil && sameRules(zones, b, rules)
}

// localtime names the zone of /etc/localtime, which is what the C library reads: its target
// does, and where it is a copy, /etc/timezone does if it has the same rules.
func (h hostFiles) localtime() string {
	local, zones := filepath.Join(h.root, "etc/localtime"), h.zones()
	rules, err := os.ReadFile(local)
	if os.IsNotExist(err) {
		return "UTC" // what the C library falls back to
	}
	if err != nil {
		return ""
	}
	if target, err := os.Readlink(local); err == nil {
		if _, name, found := strings.Cut(target, "zoneinfo/"); found {
			return known(strings.TrimPrefix(name, "posix/"))
		}
	}
	if written, err := os.ReadFile(filepath.Join(h.root, "etc/timezone")); err == nil {
		name := known(strings.TrimSpace(string(written)))
		if name != "" && sameRules(zones, name, rules) {
			return name
		}
	}
	return zoneWith(zones, rules)
}

// known returns the name if Go has such a zone.
func known(name string) string {
	if name == "" || name == "Local" || name == "localtime" {
		return ""
	}
	if _, err := time.LoadLocation(name); err != nil {
		return ""
	}
	return name
}

func sameRules(zones, name string, rules []byte) bool {
	data, err := os.ReadFile(filepath.Join(zones, name))
	return err == nil && bytes.Equal(data, rules)
}

// zoneWith finds the first zone, by name, whose file is equal to /etc/localtime.
func zoneWith(zones string, rules []byte) (name string) {
	// It returns no error: what cannot be read is passed over.
	_ = filepath.WalkDir(zones, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // a zone that cannot be read is not the one
		}
		info, err := d.Info()
		if err != nil || info.Size() != int64(len(rules)) {
			return nil //nolint:nilerr // gone meanwhile
		}
		rel, _ := filepath.Rel(zones, path)
		if known(rel) != "" && sameRules(zones, rel, rules) {
			name = rel
			return fs.SkipAll
		}
		return nil
	})
	return name
}
