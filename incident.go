package crontopus

import "time"

// AlertKind is a kind of alert condition.
type AlertKind string

// The kinds of alert conditions.
const (
	AlertFailed        AlertKind = "failed"
	AlertMissed        AlertKind = "missed"    // no check-in by schedule + splay + grace
	AlertLateStart     AlertKind = "lateStart" // not started by schedule + splay + startDeadline
	AlertTooLong       AlertKind = "tooLong"
	AlertAgentOffline  AlertKind = "agentOffline"
	AlertDrift         AlertKind = "drift" // the host does not hold what its bundle says, and the agent cannot mend it
	AlertSyncFailed    AlertKind = "syncFailed"
	AlertBundleExpired AlertKind = "bundleExpired"
)

// AlertKinds are all kinds, in the order in which they are told of.
var AlertKinds = []AlertKind{AlertFailed, AlertMissed, AlertLateStart, AlertTooLong, AlertAgentOffline, AlertDrift, AlertSyncFailed, AlertBundleExpired}

// Incident is an alert condition that began, may be acknowledged, and ends. One watch has at
// most one that is open.
type Incident struct {
	ID             string        `json:"id"` // a UUIDv7; the stable key of what is sent (PagerDuty's dedup_key)
	Tenant         TenantID      `json:"-"`
	WatchID        string        `json:"-"`
	Kind           AlertKind     `json:"kind"`
	State          IncidentState `json:"state"`
	Subject        Subject       `json:"subject"`
	Severity       Severity      `json:"severity"`
	OpenedAt       time.Time     `json:"openedAt"`
	ChangedAt      time.Time     `json:"changedAt"` // when its kind, cause or state last changed
	Cause          Cause         `json:"cause"`
	Failures       int           `json:"failures,omitempty"`     // failed runs in a row
	Missed         []MissedRun   `json:"missed,omitempty"`       // the newest, at most MaxMissedShown; of all entries of a host that is offline
	MissedCount    int           `json:"missedCount,omitempty"`  // all of them
	SuppressedBy   string        `json:"suppressedBy,omitempty"` // the incident of a job that it depends on; nobody is told meanwhile
	Flapping       bool          `json:"flapping,omitempty"`     // it came and went too often; nobody is told of each time
	AcknowledgedAt *time.Time    `json:"acknowledgedAt,omitempty"`
	AcknowledgedBy string        `json:"acknowledgedBy,omitempty"`
	SnoozedUntil   *time.Time    `json:"snoozedUntil,omitempty"`
	ResolvedAt     *time.Time    `json:"resolvedAt,omitempty"`
	Resolution     Resolution    `json:"resolution,omitempty"`
	ResolvedWhy    string        `json:"resolvedWhy,omitempty"` // a sentence
}

// How much of an incident is told: it may be open for months, and a job be due every minute.
const (
	MaxMissedShown = 100 // missed runs, the newest
	MaxStoryShown  = 200 // lines of its story, the newest
)

// Open reports whether the incident has not ended.
func (i *Incident) Open() bool { return i.ResolvedAt == nil }

// IncidentState is where an incident stands.
type IncidentState string

// The states of an incident.
const (
	IncidentOpen         IncidentState = "open"
	IncidentAcknowledged IncidentState = "acknowledged"
	IncidentResolved     IncidentState = "resolved"
)

// Resolution says how an incident ended.
type Resolution string

// How incidents end.
const (
	ResolvedRecovered Resolution = "recovered" // what failed went well again
	ResolvedRetracted Resolution = "retracted" // it never was: a late check-in told of the run
	ResolvedRemoved   Resolution = "removed"   // what it was about is not in Git, or not of the tenant, any more
	ResolvedByHand    Resolution = "byHand"
)

// MissedRun is one due instant of an entry at which nothing ran.
type MissedRun struct {
	Job   JobName   `json:"job"`
	Agent string    `json:"agent,omitempty"`
	Due   time.Time `json:"due"`
}

// Cause says why, as far as the evidence goes.
type Cause struct {
	Code     string     `json:"code"`     // one of the Cause constants
	Sentence string     `json:"sentence"` // for people: "nightly-backup did not start on db-01: the host has been offline since 02:11"
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Evidence is one thing that is known, and led to the cause.
type Evidence struct {
	What string     `json:"what"` // last heartbeat, last check-in, exit code, output, commit, …
	Says string     `json:"says"`
	At   *time.Time `json:"at,omitempty"`
	Link string     `json:"link,omitempty"`
}

// Codes of a Cause.
const (
	CauseUnknown         = "unknown" // nothing explains it; the evidence says what was looked at
	CauseNeverStarted    = "neverStarted"
	CauseHostSilent      = "hostSilent" // not heard from; refined once the host is back
	CausePoweredOff      = "poweredOff"
	CauseNetworkCut      = "networkCut"
	CauseAgentStopped    = "agentStopped"
	CauseAgentPaused     = "agentPaused"
	CauseSchedulerDead   = "schedulerDead"
	CauseEntryDeleted    = "entryDeleted"
	CauseEntryEdited     = "entryEdited"
	CauseBundleRefused   = "bundleRefused" // by signature, and whatever else is not named below
	CausePolicyDenied    = "policyDenied"
	CauseBundleExpired   = "bundleExpired"
	CauseNotApplied      = "notApplied" // the agent has not applied the bundle that has the entry yet
	CauseJobRemoved      = "jobRemoved"
	CauseScheduleChanged = "scheduleChanged"
	CauseSuspended       = "suspended"
	CauseUserMissing     = "userMissing"
	CauseFolderMissing   = "workingDirectoryMissing"
	CauseSecretMissing   = "secretMissing"
	CauseCommandMissing  = "commandMissing"
	CauseCannotStart     = "cannotStart" // for what the sentence says
	CauseExitCode        = "exitCode"
	CauseTimeout         = "timeout"
	CauseOutOfMemory     = "outOfMemory"
	CauseSignal          = "signal"
	CauseStillRunning    = "previousRunStillRunning"
	CauseReplaced        = "replaced" // by the next run
	CauseDiskFull        = "diskFull"
	CauseCheckInLost     = "checkInLost" // it may have run: the host could not keep what it had to say
	CauseServerAway      = "serverAway"
	CauseClockWrong      = "clockWrong"
	CauseTooLong         = "tooLong"
	CauseSync            = "sync"     // what the source's condition says
	CauseNoPing          = "noPing"   // of a job without an agent
	CauseReported        = "reported" // a program said that it failed
)

// IncidentEvent is one line of an incident's story.
type IncidentEvent struct {
	ID       string    `json:"id"`
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor,omitempty"` // a person or key; none: Crontopus itself
	What     string    `json:"what"`            // opened, changed, acknowledged, snoozed, commented, notified, resolved
	Text     string    `json:"text,omitempty"`
}

// Silence is a person's word that nobody is told of certain conditions for a while.
type Silence struct {
	ID        string     `json:"id"`
	Match     Match      `json:"match"` // without Namespaces, of jobs in any
	Reason    string     `json:"reason,omitempty"`
	CreatedBy string     `json:"createdBy"`
	CreatedAt time.Time  `json:"createdAt"`
	Until     time.Time  `json:"until"`
	EndedAt   *time.Time `json:"endedAt,omitempty"` // by hand, before Until
}

// Covers reports whether the silence is about a condition of the subject.
func (s *Silence) Covers(subject *Subject) bool {
	return s.Match.Matches(subject.Job.Namespace, subject)
}

// InForce reports whether the silence holds at an instant.
func (s *Silence) InForce(now time.Time) bool { return s.EndedAt == nil && now.Before(s.Until) }

// Notification is one message about an incident to one channel.
type Notification struct {
	ID       string            `json:"id"` // a UUIDv7; the stable key of the message (webhook-id)
	Tenant   TenantID          `json:"-"`
	Incident string            `json:"incident,omitempty"` // none: a test
	Channel  JobName           `json:"channel"`
	What     NotificationEvent `json:"what"`
	At       time.Time         `json:"at"` // when it was decided
	State    NotificationState `json:"state"`
	Attempts []Attempt         `json:"attempts"`
}

// NotificationEvent is what a notification tells.
type NotificationEvent string

// What notifications tell.
const (
	NotifyOpened       NotificationEvent = "opened"
	NotifyChanged      NotificationEvent = "changed"
	NotifyReminder     NotificationEvent = "reminder"
	NotifyAcknowledged NotificationEvent = "acknowledged"
	NotifyResolved     NotificationEvent = "resolved"
	NotifyTest         NotificationEvent = "test"
	NotifyDropped      NotificationEvent = "dropped" // how many were over the channel's rate
)

// NotificationState is what became of a notification.
type NotificationState string

// The states of a notification.
const (
	NotificationPending    NotificationState = "pending"
	NotificationDelivered  NotificationState = "delivered"
	NotificationFailed     NotificationState = "failed"     // for good: the channel refuses it, or the time is up
	NotificationDropped    NotificationState = "dropped"    // over the channel's rate
	NotificationSuperseded NotificationState = "superseded" // before it was delivered, there was more to tell
)

// Attempt is one try to deliver a notification.
type Attempt struct {
	At       time.Time `json:"at"`
	Duration Duration  `json:"duration"`
	OK       bool      `json:"ok"`
	Answer   string    `json:"answer"` // what the channel said, cut; never a secret
	// Took are the recipients that have the message by this attempt, where others are to be tried again.
	Took []string `json:"took,omitempty"`
}
