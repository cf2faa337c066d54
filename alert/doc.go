// Package alert knows what should have happened and says what did not: it judges what is
// watched, opens and ends incidents with their causes, and sees to it that people are told.
//
// Detection is a pure function from a look to a verdict; the store reads the one and keeps the
// other in one transaction. So several servers may look at once, and nothing is decided twice.
//
// It imports the root, schedule, alert/notify and internal/…; never store, api or syncer: app joins them.
package alert
