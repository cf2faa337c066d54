package schedule

import (
	"strings"
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// zone is a time zone as a table of its offsets. A Location finds an offset too, but for
// dates to come it works out the zone's rule anew at each question, which takes ten times
// as long as the search for a run.
type zone struct {
	location *time.Location
	spans    []span // without holes, in order; what lies outside is asked of location
}

// span is a stretch of time without a change of the offset. Instants are seconds from
// 1970 in UTC, local times the same with the offset added.
type span struct {
	start, end int64 // instants; end is the first that no longer belongs to it
	offset     int64
	owed       int64 // local time from which on fixed times have not run yet: before the start after a gap, after it when hours repeat
}

// The table covers the years 1970 to 2099, which is where schedules are asked about.
const (
	tableFrom     = 0
	tableTo       = 47482 * secondsPerDay
	secondsPerDay = 24 * 60 * 60
)

// forever is further away than any run and far enough from the end of int64 to reckon with.
const forever = int64(1) << 60

// maxShift is the change of the offset from which on Debian's cron takes it for a
// correction of the clock.
const maxShift = 3 * 60 * 60

// zones keeps what loadZone has read. It has as many entries as there are zones.
var zones sync.Map // name to *zone

// Location returns the time zone of an IANA name. Unlike time.LoadLocation it has no
// names that mean another zone on another host.
func Location(name string) (*time.Location, error) {
	z, err := loadZone(name)
	if err != nil {
		return nil, err
	}
	return z.location, nil
}

func loadZone(name string) (*zone, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*zone), nil
	}
	if name == crontopus.TimezoneHost {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "the time zone %q is another on each host", name).
			WithHint("name one, such as Europe/Berlin")
	}
	location, err := time.LoadLocation(name)
	if err != nil || !portable(name) {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%.80q is not a time zone", name).
			WithHint("%s", zoneHint(name))
	}
	z, _ := zones.LoadOrStore(name, newZone(location))
	return z.(*zone), nil
}

// portable reports whether a name that the zone database of this host has is an IANA name:
// some hosts add their own zone and zones that count leap seconds.
func portable(name string) bool {
	switch name {
	case "", "Local", "localtime", "posixrules":
		return false
	}
	return !strings.HasPrefix(name, "right/") && !strings.HasPrefix(name, "posix/")
}

func newZone(location *time.Location) *zone {
	z := &zone{location: location}
	for t := int64(tableFrom); t < tableTo; {
		s := spanAt(location, t)
		if last := len(z.spans) - 1; last >= 0 && z.spans[last].offset == s.offset {
			z.spans[last].end = s.end // only the zone's abbreviation changed, or the year
		} else {
			z.spans = append(z.spans, s)
		}
		t = s.end
	}
	return z
}

// spanAt asks a location for the span that an instant is in, or a part of that span.
func spanAt(location *time.Location, instant int64) span {
	t := time.Unix(instant, 0).In(location)
	from, to := t.ZoneBounds()
	_, offset := t.Zone()
	s := span{start: -forever, end: forever, offset: int64(offset), owed: -forever}
	if !from.IsZero() {
		s.start = from.Unix()
		_, before := from.Add(-time.Second).Zone()
		s.owed = s.start + int64(before)
		if shift := s.offset - int64(before); shift >= maxShift || shift < -maxShift {
			s.owed = s.start + s.offset
		}
	}
	if !to.IsZero() {
		s.end = to.Unix()
	}
	if s.end <= instant {
		// Package time ends a span with the year and forgets the last day of a leap year.
		s.end = (floorDiv(instant, secondsPerDay) + 1) * secondsPerDay
	}
	return s
}

// at returns the span that an instant is in.
func (z *zone) at(instant int64) span {
	i, j := 0, len(z.spans) // sort.Search, without a call for each step
	for i < j {
		if h := (i + j) / 2; instant < z.spans[h].end {
			j = h
		} else {
			i = h + 1
		}
	}
	if i == len(z.spans) || instant < z.spans[i].start {
		return spanAt(z.location, instant)
	}
	return z.spans[i]
}
