package crontopus

import "time"

// Case is an incident that it is time to see to, with all that decides who is told, read in the
// transaction that keeps the decision.
type Case struct {
	Incident Incident
	Routing  Routing
	Now      time.Time
	Alerting *Alerting // of the tenant
	Silences []Silence // in force
	Parent   *Incident // the open one that suppresses it now, of a job that its job depends on
}

// Routing is what is remembered of who was told of an incident. The store keeps it as it is.
type Routing struct {
	Told map[string]Told `json:"told,omitempty"` // by the channel's namespace/name
}

// Told is the last that a channel was told of an incident.
type Told struct {
	What  NotificationEvent `json:"what"`
	At    time.Time         `json:"at"`
	Kind  AlertKind         `json:"kind"`            // of the incident, as it was told
	Cause string            `json:"cause,omitempty"` // its code
}

// Decision is what comes of a case.
type Decision struct {
	Incident Incident // with its severity, and what suppresses it
	Routing  Routing
	RouteAt  *time.Time     // when to see to it again; nil: when it changes
	Notify   []Notification // to be delivered
	Events   []IncidentEvent
}

// Delivery is a notification on its way, with all that it takes to write and send it.
type Delivery struct {
	Notification Notification
	Incident     *Incident     // nil: a test of the channel, or a word on what was dropped
	Superseded   bool          // a later notification tells the channel of the same incident
	Earlier      *Notification // one of the same incident and channel that is pending
	Dropped      int           // how many were over the channel's rate, where that is what is told
	Channel      NotificationChannel
	Secrets      map[string]string // the values of the references that the channel makes, by reference
	Link         string            // to the incident, where people look
}
