package importer

import (
	"path"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// unit is a unit file of systemd, with what its drop-ins add.
type unit struct {
	name       string // backup.timer
	file       string
	directives []directive
	lines      []sourceLine
	used       bool // a timer starts it
}

// directive is one assignment.
type directive struct {
	section, key, value string
	file                string
	line                int
}

// readUnit reads a unit file. What is no assignment is told.
func (w *work) readUnit(in Input) *unit {
	text, latin1 := decode(in.Data)
	if latin1 {
		w.changed(in.Name, 0, "check the names in it", "the file is no UTF-8 and taken for Latin-1")
	}
	u := &unit{name: path.Base(in.Name), file: in.Name}
	if folder := path.Base(path.Dir(in.Name)); strings.HasSuffix(folder, ".d") {
		u.name = strings.TrimSuffix(folder, ".d")
	}
	section := ""
	var open *directive // whose value goes on
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			open = nil
			continue
		}
		u.lines = append(u.lines, sourceLine{number: i + 1, text: line, file: in.Name})
		switch {
		case trimmed[0] == '#' || trimmed[0] == ';':
			continue // within a value that goes on, too
		case open != nil:
			open.value, open = goesOn(open.value+" "+trimmed, open)
		case trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
			section = strings.Trim(trimmed, "[]")
		default:
			key, value, found := strings.Cut(trimmed, "=")
			if !found {
				w.notKept(in.Name, i+1, "", "the line is neither a section nor an assignment")
				continue
			}
			u.directives = append(u.directives, directive{section: section, key: strings.TrimSpace(key), file: in.Name, line: i + 1})
			added := &u.directives[len(u.directives)-1]
			added.value, open = goesOn(strings.TrimSpace(value), added)
		}
	}
	return u
}

// goesOn takes the backslash off a value that goes on in the next line.
func goesOn(value string, d *directive) (string, *directive) {
	if cut, found := strings.CutSuffix(value, `\`); found {
		return strings.TrimSpace(cut), d
	}
	return value, nil
}

// all returns the assignments of a key. An empty one undoes those before.
func (u *unit) all(section, key string) (list []directive) {
	for _, d := range u.directives {
		if d.section == section && d.key == key {
			if d.value == "" {
				list = nil
				continue
			}
			list = append(list, d)
		}
	}
	return list
}

// last returns the value of a key that has one only, "" for none.
func (u *unit) last(section, key string) string {
	if list := u.all(section, key); len(list) > 0 {
		return list[len(list)-1].value
	}
	return ""
}

// isYes reads a switch.
func isYes(value string) bool {
	switch strings.ToLower(value) {
	case "1", "yes", "true", "on", "y", "t":
		return true
	}
	return false
}

// spanUnits are systemd's units of time by each of their names.
var spanUnits = map[string]time.Duration{
	"us": time.Microsecond, "usec": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond, "msec": time.Millisecond,
	"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// parseSpan reads a span of time such as 1h 30min or 90.
func parseSpan(text string) (total crontopus.Duration, ok bool) {
	rest := strings.TrimSpace(text)
	if rest == "" {
		return 0, false
	}
	for rest != "" {
		n := 0
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		value, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, false
		}
		rest = strings.TrimLeft(rest[n:], " ")
		end := strings.IndexAny(rest+" ", " 0123456789")
		unit, known := spanUnits[rest[:end]]
		if span := value * float64(unit); !known || span+float64(total) > float64(100*366*24*time.Hour) {
			return 0, false
		}
		total += crontopus.Duration(value * float64(unit))
		rest = strings.TrimLeft(rest[end:], " ")
	}
	return total, true
}
