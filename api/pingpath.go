package api

import (
	"strconv"
	"strings"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// pingPath is what the address of a ping says.
type pingPath struct {
	url  string // id of a ping URL, in lower case; or
	key  string // the secret of a ping key, and
	slug string // the name of a job in its namespace
	signal
}

// signal is what a ping tells: an event, or something worth keeping that changes nothing.
type signal struct {
	event    crontopus.Event
	exitCode *int // with an exit status
	log      bool
}

// parsePingPath reads what follows /ping/: UUID or KEY/SLUG, then start, fail, log or an exit
// status from 0 to 255, or nothing for success. A slash may follow.
func parsePingPath(path string) (p pingPath, ok bool) {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if id, isID := pingURLID(parts[0]); isID {
		p.url, parts = id, parts[1:]
	} else if len(parts) > 1 && isPingKey(parts[0]) && isSlug(parts[1]) {
		p.key, p.slug, parts = parts[0], parts[1], parts[2:]
	} else {
		return p, false
	}
	switch len(parts) {
	case 0:
		p.event = crontopus.EventSuccess
		return p, true
	case 1:
		p.signal, ok = parseSignal(parts[0])
		return p, ok
	}
	return p, false
}

// pingURLID takes only the form with four hyphens: uuid.Parse would take several.
func pingURLID(s string) (string, bool) {
	id, err := uuid.Parse(s)
	return id.String(), err == nil && len(s) == 36
}

func parseSignal(s string) (signal, bool) {
	switch s {
	case "start":
		return signal{event: crontopus.EventStart}, true
	case "fail":
		return signal{event: crontopus.EventFailure}, true
	case "log":
		return signal{log: true}, true
	}
	code, err := strconv.ParseUint(s, 10, 8)
	if err != nil || strings.Trim(s, "0123456789") != "" {
		return signal{}, false
	}
	status := int(code)
	if status == 0 {
		return signal{event: crontopus.EventSuccess, exitCode: &status}, true
	}
	return signal{event: crontopus.EventFailure, exitCode: &status}, true
}

// isPingKey reports whether s has the form of a key: ours, or what another service gave out, which
// is answered as unknown rather than as malformed.
func isPingKey(s string) bool { return hasOnly(s, 64, 'A', 'Z') }

// isSlug reports whether s has the form of a slug: a to z, digits, hyphens, underscores.
func isSlug(s string) bool { return hasOnly(s, 100, 'a', 'z') }

// hasOnly reports whether s is of 1 to most characters, which are digits, hyphens, underscores,
// small letters or from the range.
func hasOnly(s string, most int, from, to rune) bool {
	return s != "" && len(s) <= most && strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < from || r > to) && r != '-' && r != '_'
	}) < 0
}
