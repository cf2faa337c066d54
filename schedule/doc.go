// Package schedule knows when a job runs: it compiles cron expressions to bit sets, finds
// the next and the previous run in any time zone, says it in words, and writes what each
// scheduler is told: crontab, systemd, Windows, launchd. It is pure: no clock, no host, no
// files but the time zone database. It imports the root only.
//
// Debian's cron is the reference, in three things above all:
//
//   - The grammar is five fields and the macros. What cron takes but nobody can mean
//     (5/15, 22-2, a date that never comes) is refused, with what to write instead.
//   - Where day of month and day of week are both restricted, either one suffices; where
//     one of them begins with "*", both must match. "*/2" begins with "*" too.
//   - When the zone's offset changes by less than three hours, a wildcard schedule (its
//     minute or hour begins with "*") follows the clock: it skips what the clock skips and
//     repeats what the clock repeats. Every other schedule is a fixed time: what falls in
//     the gap runs at the end of the gap, once however many runs fell in it, and what comes
//     twice runs the first time only. A greater change is a correction of the clock: the
//     gap is lost and the repeated hours run again.
//
// What cron has not, H, L, W and #, is written as other schedulers have it. H is decided by
// the job's namespace/name when an expression is compiled and is plain cron from then on; L, W
// and # are days of a month, so they restrict their field like a number. A crontab has every
// day that they can mean, and whoever is started there asks Prev.
//
// Two things are simpler here than in cron's main loop. Cron minds a change of the offset
// only when the zone says that daylight saving began or ended, or when cron starts; here
// every change counts. And after a gap of one to four minutes cron also makes up wildcard
// runs; no zone has made such a change since 1970.
package schedule
