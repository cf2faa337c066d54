// Package crontopus holds the nouns of Crontopus: what a job, a run, an agent, a
// bundle, a source and a problem are, and how each is spelled in JSON.
//
// One type serves the manifest, the store, the bundle and the wire, so a field is
// named once. The package is pure data with the rules that belong to the data; it
// imports the standard library only, and every other package may import it.
package crontopus

// APIVersion is the apiVersion of every manifest that this version reads.
const APIVersion = "crontopus.dev/v1"

// KindJob is the kind of a manifest that says what should run, when and where.
const KindJob = "Job"

// KindDefaults is the kind of a manifest that says what the jobs of its folder and of those
// below it are given where they say nothing.
const KindDefaults = "Defaults"

// The kinds of manifests that say who is told when something goes wrong.
const (
	KindAlertPolicy         = "AlertPolicy"
	KindNotificationChannel = "NotificationChannel"
	KindMaintenanceWindow   = "MaintenanceWindow"
)
