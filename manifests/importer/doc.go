// Package importer makes manifests of the jobs that other schedulers hold: crontabs,
// systemd timers, tasks of Windows, checks of Healthchecks, CronJobs of Kubernetes. Text from
// anyone in; manifests, and everything that could not be kept, out. Each format has a file of
// its own. It is pure: no clock, no host, no network.
//
// Nothing is lost silently: each line of the original is in a manifest (the head of each lists
// the lines that it is made of), or in a problem with its number.
//
// What comes out is proven: the original is read a second time, by code that shares nothing
// with package schedule (vixie.go, calendar.go), and its next runs must be those of the
// manifest, around changes of the clock too. And every manifest is read back, by the very
// code that will read it from Git. A job that fails either is not kept, which is a problem
// like any other.
//
// It imports the root, manifests and schedule.
package importer
