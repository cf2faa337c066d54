package crontopus

import (
	"strings"
	"time"
)

// Badge shows at an address that nobody can guess how one job is, or all jobs with a label. Who
// has the address sees that and no more.
type Badge struct {
	ID        string    `json:"id"` // random: the address
	Tenant    TenantID  `json:"-"`
	Namespace string    `json:"namespace,omitempty"` // of the job, or of the jobs with the label; "": those of any
	Name      string    `json:"name,omitempty"`      // of the job, or
	Label     string    `json:"label,omitempty"`     // key=value
	CreatedAt time.Time `json:"createdAt"`
}

// Job is the job that the badge is of, zero where it is of a label.
func (b *Badge) Job() JobName {
	if b.Name == "" {
		return JobName{}
	}
	return JobName{b.Namespace, b.Name}
}

// Of says in short what the badge is of.
func (b *Badge) Of() string {
	switch {
	case b.Name != "":
		return b.Job().String()
	case b.Namespace != "":
		return b.Label + " in " + b.Namespace
	}
	return b.Label
}

// Covers reports whether the badge is of the job, which must be watched: one that is suspended is
// not.
func (b *Badge) Covers(j *Job) bool {
	if j.Spec.Suspend || b.Namespace != "" && b.Namespace != j.Metadata.Namespace {
		return false
	}
	if b.Name != "" {
		return b.Name == j.Metadata.Name
	}
	key, value, _ := strings.Cut(b.Label, "=")
	has, found := j.Metadata.Labels[key]
	return found && has == value
}

// BadgeStatus is what a badge says.
type BadgeStatus string

// What badges say.
const (
	BadgeUp        BadgeStatus = "up"
	BadgeLate      BadgeStatus = "late"      // something has not started in time or takes too long
	BadgeDown      BadgeStatus = "down"      // something failed or did not run
	BadgeUnwatched BadgeStatus = "unwatched" // there is no such job, or it is suspended
)

// BadgeState is how the jobs of a badge are. Its JSON is that of Healthchecks' badges.
type BadgeState struct {
	Status BadgeStatus `json:"status"`
	Total  int         `json:"total"`
	Late   int         `json:"grace"`
	Down   int         `json:"down"`
}

// NewBadgeState counts jobs.
func NewBadgeState(total, late, down int) BadgeState {
	s := BadgeState{Status: BadgeUp, Total: total, Late: late, Down: down}
	switch {
	case down > 0:
		s.Status = BadgeDown
	case late > 0:
		s.Status = BadgeLate
	case total == 0:
		s.Status = BadgeUnwatched
	}
	return s
}
