package crontopus

import (
	"strings"
	"time"
)

// FactPrefix begins the label keys that hold what an agent says of itself. No token or
// operator may set such a label, so a host cannot choose what it gets.
const FactPrefix = "fact/"

// Agent is the program on a host and the host's identity; one agent is one host.
type Agent struct {
	ID         string            `json:"id"`
	Tenant     TenantID          `json:"tenant"`
	Name       string            `json:"name"`
	NameFixed  bool              `json:"nameFixed"`            // an operator or a one-use token chose the name, so target.agents may match it
	Labels     map[string]string `json:"labels"`               // from the token or an operator
	Facts      map[string]string `json:"facts"`                // what the host says of itself, keys without FactPrefix
	MatchFacts bool              `json:"matchFacts,omitempty"` // the token lets targets match facts
	PublicKey  []byte            `json:"publicKey"`            // ed25519, 32 bytes
	EnrolledAt time.Time         `json:"enrolledAt"`
	RevokedAt  *time.Time        `json:"revokedAt,omitempty"`
	Status     AgentStatus       `json:"status"`
}

// MatchLabel returns the value that a target's label key is compared with.
func (a *Agent) MatchLabel(key string) (value string, ok bool) {
	if fact, isFact := strings.CutPrefix(key, FactPrefix); isFact {
		if !a.MatchFacts {
			return "", false
		}
		value, ok = a.Facts[fact]
		return value, ok
	}
	value, ok = a.Labels[key]
	return value, ok
}

// AgentStatus is the last that was heard of an agent and what it should hold.
type AgentStatus struct {
	LastSeenAt   *time.Time  `json:"lastSeenAt,omitempty"`
	SpoolDrained *time.Time  `json:"spoolDrained,omitempty"` // every check-in up to this time has been delivered
	Desired      Generation  `json:"desired"`                // what is published for it
	Report       AgentReport `json:"report"`
}

// AgentReport is what an agent says after each reconcile. It is kept whole, the newest
// only.
type AgentReport struct {
	At         time.Time         `json:"at"`                  // by the host's clock
	ReceivedAt time.Time         `json:"receivedAt,omitzero"` // by the server's, which sets it
	Instance   Instance          `json:"instance,omitzero"`
	Version    string            `json:"version"`
	Scheduler  string            `json:"scheduler"`         // crontab, builtin, …
	Timezone   string            `json:"timezone"`          // the host's own zone
	Crontab    *Crontab          `json:"crontab,omitempty"` // of an agent that keeps one
	Host       *HostHealth       `json:"host,omitempty"`
	Facts      map[string]string `json:"facts,omitempty"`
	Applied    Generation        `json:"applied"`           // what the scheduler holds
	Paused     bool              `json:"paused,omitempty"`  // crontopus-agent pause was said on the host
	Refused    *Refusal          `json:"refused,omitempty"` // the newest bundle, if it was not accepted
	Denied     []Denial          `json:"denied,omitempty"`  // jobs that the host's policy forbids
	Drift      []Drift           `json:"drift,omitempty"`   // what was found changed, and repaired, within the last hour
	Error      string            `json:"error,omitempty"`   // why the last apply failed
}

// HostHealth is what an agent knows of its host that explains why jobs did not run: after a
// silence it tells a host that was off from one that was cut off.
type HostHealth struct {
	BootID        string     `json:"bootId,omitempty"`        // of the running system
	BootedAt      *time.Time `json:"bootedAt,omitempty"`      // by the host's clock
	StartedAt     time.Time  `json:"startedAt"`               // the agent's daemon
	AliveUntil    *time.Time `json:"aliveUntil,omitempty"`    // when the daemon before it was last at work
	UnheardSince  *time.Time `json:"unheardSince,omitempty"`  // since when this daemon could not reach the server, before it last could again
	UnheardUntil  *time.Time `json:"unheardUntil,omitempty"`  // and when it could
	UnheardWhy    string     `json:"unheardWhy,omitempty"`    // what its last attempt ended with
	SchedulerDead string     `json:"schedulerDead,omitempty"` // why nothing starts entries: the cron daemon is not running
	SchedulerWas  *Outage    `json:"schedulerWas,omitempty"`  // when that was last so, and is over
	DiskFull      string     `json:"diskFull,omitempty"`      // a folder that the agent or its jobs write to, with no room left
	DiskWas       *Outage    `json:"diskWas,omitempty"`       // when that was last so, and is over
	Slept         *Outage    `json:"slept,omitempty"`         // when the host last slept, with its jobs
	Suspended     *Outage    `json:"suspended,omitempty"`     // when the agent's daemon alone last got no time to run
	CheckInsLost  *Outage    `json:"checkInsLost,omitempty"`  // when runs could last not keep what they had to say, so that nobody will hear it
}

// Outage is something that was wrong with a host for a while, by the host's clock.
type Outage struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// Crontab is how a host's crontab has the lines of entries, beside their times and jobs.
type Crontab struct {
	Starter  string `json:"starter"`  // what stands between the two
	Timezone string `json:"timezone"` // in which cron counts, "" where that is not certain
}

// ClockSkew returns how far the host's clock was ahead of the server's at the report,
// below zero for behind. The time that the report travelled is in it.
func (r *AgentReport) ClockSkew() time.Duration {
	if r.ReceivedAt.IsZero() {
		return 0
	}
	return r.At.Sub(r.ReceivedAt)
}

// Instance tells one process of an agent from another. Each makes up a name of its own at
// its start, so a name that was replaced never comes back, unless two hosts share one identity.
type Instance struct {
	Name     string     `json:"name"`
	Former   string     `json:"former,omitempty"`   // the one that Name replaced; the server sets it
	ClonedAt *time.Time `json:"clonedAt,omitempty"` // when a replaced one was last heard again; the server sets it
}

// clonedKept is how long a clone is told of after it was last heard.
const clonedKept = 24 * time.Hour

// Follow is what becomes of an instance when next reports at the given time.
func (i Instance) Follow(next string, at time.Time) Instance {
	if i.ClonedAt != nil && at.Sub(*i.ClonedAt) > clonedKept {
		i.ClonedAt = nil
	}
	switch {
	case next == i.Name:
		return i
	case next != "" && next == i.Former:
		i.ClonedAt = &at
	}
	return Instance{Name: next, Former: i.Name, ClonedAt: i.ClonedAt}
}

// Refusal says why an agent did not accept a bundle; the last good one stays in force.
type Refusal struct {
	Generation Generation `json:"generation"`
	Code       string     `json:"code"` // one of the Refused constants
	Message    string     `json:"message"`
}

// Codes of a Refusal, in the order in which an agent checks.
const (
	RefusedSignature    = "signature"    // no pinned key signed it
	RefusedMalformed    = "malformed"    // signed, but not a bundle
	RefusedAudience     = "audience"     // for another agent or tenant
	RefusedRollback     = "rollback"     // below the highest generation that was accepted
	RefusedEquivocation = "equivocation" // the accepted generation with other jobs
	RefusedExpired      = "expired"
	RefusedPolicy       = "policy" // the host's own policy forbids the change as a whole, or cannot be trusted
)

// Denial is one job that the host's policy does not let run, or its scheduler cannot hold.
type Denial struct {
	Job    JobName `json:"job"`
	Code   string  `json:"code,omitempty"` // one of the Reason constants of runs; an older agent says none: ReasonDenied
	Reason string  `json:"reason"`
}

// Drift is one difference between the bundle and what the native scheduler held, and
// what was done.
type Drift struct {
	At     time.Time `json:"at"`
	Entry  string    `json:"entry"` // namespace/name, or what was found where no entry should be
	Kind   DriftKind `json:"kind"`
	Detail string    `json:"detail,omitempty"` // the line that was found
}

// DriftKind says how an entry differed.
type DriftKind string

// The ways in which an entry differs from the bundle.
const (
	DriftMissing    DriftKind = "missing"    // removed by hand
	DriftEdited     DriftKind = "edited"     // changed by hand
	DriftUnexpected DriftKind = "unexpected" // managed, but in no bundle
	DriftDamaged    DriftKind = "damaged"    // the block's markers were broken or doubled
)

// EnrollmentToken lets a host become an agent. Its secret is shown once.
type EnrollmentToken struct {
	ID          string            `json:"id"`
	Labels      map[string]string `json:"labels"`
	Name        string            `json:"name,omitempty"`        // fixes the agent's name; such a token has one use
	NamePattern string            `json:"namePattern,omitempty"` // a path.Match pattern that a proposed name must match
	MatchFacts  bool              `json:"matchFacts,omitempty"`
	Uses        int               `json:"uses"` // how many are left
	ExpiresAt   time.Time         `json:"expiresAt"`
	CreatedAt   time.Time         `json:"createdAt"`
}
