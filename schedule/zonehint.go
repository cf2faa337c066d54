package schedule

import (
	_ "embed"
	"strings"

	"crontopus.dev/crontopus/internal/suggest"
)

// zoneNames lists the zones of the IANA database that people live in, a line each. It only
// serves to suggest one: which zones there are is the database's to say.
//
//go:embed zonenames.txt
var zoneNames string

// zoneHint says what to write instead of a name that is not a zone's.
func zoneHint(wrong string) string {
	if near := nearestZone(wrong); near != "" {
		return "did you mean " + near + "?"
	}
	return "write an IANA name such as UTC, Europe/Berlin or America/New_York"
}

// nearestZone returns the zone that someone who wrote another name most likely meant, "" if
// none is near: the one of that spelling in other letters, the one of that city, or else the
// one with the fewest letters wrong.
func nearestZone(wrong string) string {
	const longest = 40 // the longest zone's name has 32 letters
	if len(wrong) > longest {
		return ""
	}
	wrong = strings.ReplaceAll(strings.TrimSpace(wrong), " ", "_")
	lower := strings.ToLower(wrong)
	zones := strings.Fields(zoneNames)
	for _, zone := range zones {
		if strings.EqualFold(zone, wrong) || strings.HasSuffix(strings.ToLower(zone), "/"+lower) {
			return zone
		}
	}
	near := suggest.Nearest(lower, strings.Fields(strings.ToLower(zoneNames)))
	for _, zone := range zones {
		if strings.EqualFold(zone, near) {
			return zone
		}
	}
	return ""
}
