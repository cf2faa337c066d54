package crontopus

import (
	"errors"
	"time"
)

// Source is a Git repository, branch and path that a tenant syncs from. Its credentials
// are kept apart, in the secret box.
type Source struct {
	ID             string       `json:"id"` // opaque and global; part of its webhook's address
	Tenant         TenantID     `json:"tenant"`
	Name           string       `json:"name"`
	URL            string       `json:"url"`
	Branch         string       `json:"branch"`
	Path           string       `json:"path"` // slash-separated, "" for the whole repository
	Suspended      bool         `json:"suspended"`
	Interval       Duration     `json:"interval"` // how often it is polled, whether or not a webhook came
	CreatedAt      time.Time    `json:"createdAt"`
	RemovedAt      *time.Time   `json:"removedAt,omitempty"` // set by the API; the syncer then takes its jobs off the hosts
	Approved       string       `json:"approved,omitempty"`  // the digest of the plan that a person approved
	Limits         SourceLimits `json:"limits,omitzero"`
	Pinned         string       `json:"pinned,omitempty"` // the commit that a person holds it at, "" for the branch's head
	RequestedAt    *time.Time   `json:"-"`                // when somebody last asked for a sync
	RequestedBy    string       `json:"-"`                // why the last sync was asked for: a Trigger
	RequestedTrace string       `json:"-"`                // the span on whose behalf, "" for none
	Status         SourceStatus `json:"status"`
}

// SourceStatus is where a source stands, in the words that GitOps tools use.
type SourceStatus struct {
	Conditions            []Condition `json:"conditions"`
	LastAttemptedRevision string      `json:"lastAttemptedRevision,omitempty"`
	LastAppliedRevision   string      `json:"lastAppliedRevision,omitempty"`
	Commit                *Commit     `json:"commit,omitempty"` // of LastAppliedRevision
	LastSyncAt            *time.Time  `json:"lastSyncAt,omitempty"`
	NextAttemptAt         *time.Time  `json:"nextAttemptAt,omitempty"` // none while a person must act
	Failures              int         `json:"failures,omitempty"`      // in a row; what the backoff grows with
	HeldPlan              string      `json:"heldPlan,omitempty"`      // the digest that sources approve takes
	LimitsDigest          string      `json:"limitsDigest,omitempty"`  // of the limits that the revision in force was found to be within
	Pin                   *PinStatus  `json:"pin,omitempty"`           // while it is pinned
	Jobs                  int         `json:"jobs"`
}

// PinStatus says how a pinned source and its branch stand.
type PinStatus struct {
	HeadRevision string `json:"headRevision"`   // where the branch is
	Behind       int    `json:"behind"`         // how many of the branch's commits the pinned one has not
	Gone         bool   `json:"gone,omitempty"` // the branch's history was rewritten and has the pinned commit no more
}

// ErrDoesNotOpen is the cause where a stored credential was sealed with another key than today's:
// no further attempt can read it.
var ErrDoesNotOpen = errors.New("a stored credential does not open")

// Condition is one aspect of a thing's state, as Kubernetes writes it.
type Condition struct {
	Type    string    `json:"type"`
	Status  bool      `json:"status"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"` // when Status or Reason last changed
}

// Types of a source's conditions.
const (
	ConditionReady       = "Ready"
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"
)

// Reasons of a source's conditions.
const (
	ReasonSynced               = "Synced"
	ReasonProgressing          = "Progressing"
	ReasonFetchFailed          = "FetchFailed"
	ReasonAuthenticationFailed = "AuthenticationFailed"
	ReasonVerificationFailed   = "VerificationFailed"
	ReasonValidationFailed     = "ValidationFailed"
	ReasonRemovalBlocked       = "RemovalBlocked"
	ReasonSuspended            = "Suspended"
	ReasonPinned               = "Pinned"     // in force, and held there by a person
	ReasonSealBroken           = "SealBroken" // somebody else wrote the desired state
)

// Revision writes a commit of a branch as GitOps tools do: branch@sha1:hex.
func Revision(branch, commit string) string { return branch + "@sha1:" + commit }

// Sync is one attempt to bring a source's revision into effect.
type Sync struct {
	ID       string      `json:"id"`
	Source   string      `json:"source"` // the source's name
	Trigger  string      `json:"trigger"`
	Revision string      `json:"revision,omitempty"`
	Started  time.Time   `json:"started"`
	Finished *time.Time  `json:"finished,omitempty"`
	Reason   string      `json:"reason"` // a source's condition reason
	Message  string      `json:"message"`
	Problems []Problem   `json:"problems,omitempty"`
	Plan     *Plan       `json:"plan,omitempty"` // where it was held
	Added    int         `json:"added"`          // jobs
	Changed  int         `json:"changed"`
	Removed  int         `json:"removed"`
	Stages   []SyncStage `json:"stages"` // how long each part took
}

// What made a sync start.
const (
	TriggerWebhook = "webhook"
	TriggerPoll    = "poll"
	TriggerManual  = "manual"
	TriggerRepair  = "repair" // the server itself, because the desired state was not what a sync wrote
)

// Applied reports whether the sync's revision is in force since then.
func (s *Sync) Applied() bool { return s.Reason == ReasonSynced || s.Reason == ReasonPinned }

// SyncStage is one part of a sync (list, fetch, decode, validate, plan, commit) and when it ended.
type SyncStage struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// DesiredJob is one job of the desired state: what the newest good revision of a source
// says, and where.
type DesiredJob struct {
	Job      Job    `json:"job"`
	Digest   string `json:"digest"`   // Job.Digest
	SourceID string `json:"sourceId"` // the source that owns it
	Path     string `json:"path"`     // file within the repository
	Line     int    `json:"line"`
	Revision string `json:"revision"` // that last changed it
	Commit   Commit `json:"commit"`
}

// Commit is what is kept of a Git commit.
type Commit struct {
	Hash    string    `json:"hash"`
	Author  string    `json:"author"` // the name, not the address
	Subject string    `json:"subject"`
	At      time.Time `json:"at"`
}

// DesiredState is all jobs of one source at one revision. Sequence grows by one with
// each change and lets a writer see that another came first.
type DesiredState struct {
	SourceID string       `json:"sourceId"`
	Sequence int64        `json:"sequence"`
	Revision string       `json:"revision"`
	Jobs     []DesiredJob `json:"jobs"`
	Seal     []byte       `json:"-"` // the syncer's signature over all of it
}
