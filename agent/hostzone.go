package agent

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// HostZone returns the IANA name of the zone in which the host's cron counts, or "" when
// that cannot be said for certain; then schedules are kept by the gate instead.
func HostZone() string { return hostZone("/", os.Getenv("TZ")) }

// hostZone looks for the zone under a root folder. /etc/localtime is what the C library
// reads: its target names the zone, and where it is a copy, /etc/timezone does if it has
// the same rules. A TZ of our own that says otherwise means that cron's may differ too.
func hostZone(root, tz string) string {
	zones := filepath.Join(root, "usr/share/zoneinfo")
	name := localtimeZone(root, zones)
	tz = strings.TrimPrefix(tz, ":")
	if tz != "" && tz != name && !sameZones(zones, tz, name) {
		return ""
	}
	return name
}

func sameZones(zones, a, b string) bool {
	rules, err := os.ReadFile(filepath.Join(zones, a))
	return err == nil && sameRules(zones, b, rules)
}

func localtimeZone(root, zones string) string {
	local := filepath.Join(root, "etc/localtime")
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
	if written, err := os.ReadFile(filepath.Join(root, "etc/timezone")); err == nil {
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
