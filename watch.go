package crontopus

import (
	"slices"
	"time"
)

// Watch is one thing that can go wrong, and what the detector remembers of it: an entry, a
// job that is monitored without an agent, an agent or a source. It lies still until LookAt.
type Watch struct {
	Tenant   TenantID   `json:"-"`
	ID       string     `json:"-"` // EntryWatchID, AgentWatchID or SourceWatchID
	Kind     WatchKind  `json:"-"`
	Job      JobName    `json:"-"`
	AgentID  string     `json:"-"` // "" for a job without an agent, and a source
	SourceID string     `json:"-"`
	LookAt   time.Time  `json:"-"` // when the detector looks at it next
	Alert    bool       `json:"-"` // each check-in of it is a signal, not only bad ones
	State    WatchState `json:"state"`
}

// WatchKind is what is watched.
type WatchKind string

// The kinds of watches.
const (
	WatchEntry  WatchKind = "entry"
	WatchAgent  WatchKind = "agent"
	WatchSource WatchKind = "source"
)

// EntryWatchID is the id of an entry's watch; agentID is "" for a job without an agent.
func EntryWatchID(job JobName, agentID string) string {
	return "entry/" + job.String() + "/" + agentID
}

// AgentWatchID is the id of an agent's watch.
func AgentWatchID(agentID string) string { return "agent/" + agentID }

// SourceWatchID is the id of a source's watch.
func SourceWatchID(sourceID string) string { return "source/" + sourceID }

// WatchState is what the detector remembers of a watch between two looks. The store keeps it
// as it is.
type WatchState struct {
	Since     time.Time   `json:"since,omitzero"`     // judged from here on
	SourceID  string      `json:"source,omitempty"`   // entry: that says it
	TakenUp   time.Time   `json:"takenUp,omitzero"`   // the newest due instant that ever was in Due
	Told      []time.Time `json:"told,omitempty"`     // instants that were not in Due yet when their run was told of
	Due       []time.Time `json:"due,omitempty"`      // instants that wait for their verdict, the oldest first; the last is yet to come
	Missed    []time.Time `json:"missed,omitempty"`   // instants of the open incident that a late check-in may still retract
	Schedule  string      `json:"schedule,omitempty"` // that Due was reckoned with: expressions and zone
	Failures  int         `json:"failures,omitempty"` // in a row
	Successes int         `json:"successes,omitempty"`
	LastBad   time.Time   `json:"lastBad,omitzero"`  // when the newest that went wrong was due or began
	Running   []string    `json:"running,omitempty"` // runs that are looked at until they end
	Late      time.Time   `json:"late,omitzero"`     // the instant whose run is being waited for after its startDeadline
	Changed   time.Time   `json:"changed,omitzero"`  // when Schedule last changed
	Incident  string      `json:"incident,omitempty"`
	Dismissed string      `json:"dismissed,omitempty"` // agent, source: the condition that a person resolved while it held
	OnHost    []time.Time `json:"onHost,omitempty"`    // instants of the agent's incident, until it is known why nothing ran
	Host      string      `json:"host,omitempty"`      // the agent's incident that OnHost belongs to
	Recent    []time.Time `json:"recent,omitempty"`    // when its last incidents were opened
	Silent    time.Time   `json:"silent,omitzero"`     // agent: last heard of before it went offline
	BootID    string      `json:"bootId,omitempty"`    // agent: of its host, as told before it went offline
	Process   string      `json:"process,omitempty"`   // agent: the name of its instance, as told then
	Away      []Absence   `json:"away,omitempty"`      // agent: its last ones that are over
}

// Absence is a time in which a host was offline, and had an incident for it.
type Absence struct {
	Incident string    `json:"incident"`
	Since    time.Time `json:"since"`        // last heard of before
	Until    time.Time `json:"until"`        // the incident's end
	Off      time.Time `json:"off,omitzero"` // until when it started no job, as far as is known; zero: it was only cut off
}

// Look is a watch whose time has come, with all that is known about it, read in the transaction
// that keeps the verdict.
type Look struct {
	Watch     Watch
	Now       time.Time
	UpSince   time.Time   // since when this installation has been looking without a gap
	SourceURL string      // entry: of the repository that says it
	Job       *DesiredJob // entry: nil once it is not desired, or not in the agent's bundle any more
	Left      *DesiredJob // entry: what Git says of a job that is not for this host any more
	Agent     *Agent      // entry with an agent, agent: nil once it is revoked
	Source    *Source     // source, entry that is not desired any more: that said so; nil once it is removed
	Expires   time.Time   // agent: when its newest bundle does
	Signals   []Run       // runs that had check-ins since the last look that are signals, the oldest first
	Runs      []Run       // those of the instants in State.Due, State.Missed and State.OnHost, and State.Running
	Newest    *Run        // job without an agent: its newest run; entry: where something is wrong
	Incident  *Incident   // the open one of this watch
	Host      *Incident   // entry: the open one of its agent's watch
	Away      []Absence   // entry: its agent's last ones, where something is wrong
	Parents   []Incident  // entry: open ones of the jobs that it depends on, on this agent or without one
	Elsewhere []Run       // entry: the job's newest runs on other hosts, a few, where something is wrong
	Alerting  *Alerting   // of the tenant
}

// Verdict is what comes of a look.
type Verdict struct {
	Watch     Watch           // with its next LookAt, Alert and State
	Gone      bool            // nothing is left to watch
	Unheard   []string        // signals, by run, that the next look is to have again
	Incidents []Incident      // resolved, opened or changed, in this order
	Events    []IncidentEvent // for its story
	Hosts     []MissedOnHost  // what belongs to incidents of the agent, or does so no more
}

// MissedOnHost moves an entry's missed runs into, or out of, an incident of its agent.
type MissedOnHost struct {
	Incident  string
	Missed    []MissedRun
	Retracted []MissedRun
}

// Move takes an entry's missed runs into the incident, or out of it.
func (i *Incident) Move(m *MissedOnHost) {
	for _, gone := range m.Retracted {
		i.Missed = slices.DeleteFunc(i.Missed, func(o MissedRun) bool {
			return o.Job == gone.Job && o.Agent == gone.Agent && o.Due.Equal(gone.Due)
		})
		i.MissedCount = max(0, i.MissedCount-1)
	}
	i.Missed = append(i.Missed, m.Missed...)
	i.MissedCount += len(m.Missed)
	i.Missed = i.Missed[max(0, len(i.Missed)-MaxMissedShown):]
}
