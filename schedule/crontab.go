package schedule

import "slices"

// everyMinute is the line of a gated entry.
const everyMinute = "* * * * *"

// Crontab returns the time fields of the set's lines in Debian's crontab on a host in the
// named zone, "" where it is not known. Debian's cron has no zones but its own: where that
// is not the set's, there is one line that fires every minute and gated is true, which
// means that whatever cron starts must ask Prev whether a run is due.
//
// The lines are plain numbers, which every cron reads alike, but a "*" that a field begins
// with is kept, for it decides about days and daylight saving.
func (s *Set) Crontab(hostZone string) (lines []string, gated bool) {
	switch {
	case len(s.schedules) == 0:
	case s.runsIn(hostZone):
		for _, sched := range s.schedules {
			if !slices.Contains(lines, sched.crontab) {
				lines = append(lines, sched.crontab)
			}
		}
	default:
		lines, gated = append(lines, everyMinute), true
	}
	if s.reboot {
		lines = append(lines, "@reboot")
	}
	return lines, gated
}

// runsIn reports whether the clocks of a host in the named zone are the set's.
func (s *Set) runsIn(hostZone string) bool {
	if hostZone == s.timezone {
		return true
	}
	host, err := loadZone(hostZone)
	return err == nil && host.utc() && s.zone.utc()
}
