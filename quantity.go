package crontopus

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, spelled as Go spells it with d (24 h) and w (7 d) added,
// such as "45m", "1d12h" or "2w". It is never negative.
type Duration time.Duration

// units of Duration, longest first, so that String and ParseDuration agree.
var durationUnits = []struct {
	name string
	span time.Duration
}{
	{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute},
	{"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", 1},
}

// ParseDuration reads "1d12h", "45m", "1.5h" or "0". A negative, empty or overflowing
// one is refused.
func ParseDuration(s string) (Duration, error) {
	bad := func() (Duration, error) {
		return 0, Errorf(CodeInvalid, "%q is not a duration; write one like 90s, 45m, 2h, 1d or 2w", s)
	}
	if s == "0" {
		return 0, nil
	}
	if s == "" || strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		return bad()
	}
	var total time.Duration
	for rest := s; rest != ""; {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return bad()
		}
		unitEnd := n + strings.IndexFunc(rest[n:]+"0", func(r rune) bool { return (r >= '0' && r <= '9') || r == '.' })
		span, ok := unitSpan(rest[n:unitEnd])
		value, err := strconv.ParseFloat(rest[:n], 64)
		if !ok || err != nil || value*float64(span) > float64(math.MaxInt64)-float64(total) {
			return bad()
		}
		total += time.Duration(math.Round(value * float64(span)))
		if total < 0 {
			return bad()
		}
		rest = rest[unitEnd:]
	}
	return Duration(total), nil
}

func unitSpan(name string) (time.Duration, bool) {
	if name == "µs" || name == "μs" {
		name = "us"
	}
	for _, u := range durationUnits {
		if u.name == name {
			return u.span, true
		}
	}
	return 0, false
}

// Std returns d as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String spells d with the largest units that divide it, such as "1d12h"; zero is "0s".
func (d Duration) String() string {
	if d <= 0 {
		return "0s"
	}
	var b strings.Builder
	rest := time.Duration(d)
	for _, u := range durationUnits {
		if n := rest / u.span; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			rest -= n * u.span
		}
	}
	return b.String()
}

// MarshalText spells d as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// Size is a number of bytes, spelled "10KiB" or "2MiB"; a plain number is bytes.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads "10KiB", "2MiB", "512B" or "512".
func ParseSize(s string) (Size, error) {
	unit, digits := Size(1), s
	for _, u := range sizeUnits {
		if d, found := strings.CutSuffix(s, u.name); found {
			unit, digits = u.bytes, d
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || Size(n) > math.MaxInt64/unit {
		return 0, Errorf(CodeInvalid, "%q is not a size; write one like 512B, 10KiB or 2MiB", s)
	}
	return Size(n) * unit, nil
}

// String spells s with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.bytes && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalJSON writes a string such as "10KiB", and the number 0 for none.
func (s Size) MarshalJSON() ([]byte, error) {
	if s == 0 {
		return []byte("0"), nil
	}
	return json.Marshal(s.String())
}

// UnmarshalJSON reads a string as ParseSize does, or a whole number of bytes.
func (s *Size) UnmarshalJSON(data []byte) (err error) {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	*s, err = ParseSize(text)
	return err
}
