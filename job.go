package crontopus

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// JobName identifies a job within a tenant. Its text form is "namespace/name".
type JobName struct {
	Namespace string
	Name      string
}

// ParseJobName reads "namespace/name"; a name alone is in the namespace "default".
func ParseJobName(s string) (JobName, error) {
	namespace, name, found := strings.Cut(s, "/")
	if !found {
		namespace, name = DefaultNamespace, s
	}
	if !validLabel(namespace) || !validLabel(name) {
		return JobName{}, Errorf(CodeInvalid, "%q is not a job; write NAMESPACE/NAME, such as production/nightly-backup", s)
	}
	return JobName{namespace, name}, nil
}

// ValidName reports whether s may name a job, namespace, source or agent:
// [a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?
func ValidName(s string) bool { return validLabel(s) }

// ValidSecretName reports whether s may name a secret: a name, or that of a namespace, a dot and a
// name. Only the latter may be referred to by sources that are limited to namespaces.
func ValidSecretName(s string) bool {
	namespace, name, found := strings.Cut(s, ".")
	return validLabel(namespace) && (!found || validLabel(name))
}

func validLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// String returns "namespace/name".
func (n JobName) String() string { return n.Namespace + "/" + n.Name }

// Compare orders names by namespace, then name.
func (n JobName) Compare(o JobName) int {
	return cmp.Or(strings.Compare(n.Namespace, o.Namespace), strings.Compare(n.Name, o.Name))
}

// MarshalText writes "namespace/name".
func (n JobName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads "namespace/name".
func (n *JobName) UnmarshalText(text []byte) (err error) {
	*n, err = ParseJobName(string(text))
	return err
}

// Defaults of a manifest, filled in by Job.SetDefaults.
const (
	DefaultNamespace     = "default"
	DefaultTimezone      = "UTC"
	DefaultShell         = "/bin/sh"
	DefaultCaptureOutput = Size(10 << 10)
	DefaultGrace         = Duration(10 * time.Minute)
	DefaultBackoff       = Duration(30 * time.Second)
	DefaultMaxBackoff    = Duration(10 * time.Minute)
	MaxBackoff           = Duration(24 * time.Hour)
	MaxCaptureOutput     = Size(100 << 10)
)

// Job is a manifest of kind Job. After SetDefaults it is what the store, the bundle and
// the API carry; Source is the URL of the repository that says it, set when the job is
// compiled into a bundle.
type Job struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       JobSpec  `json:"spec"`
	Source     string   `json:"source,omitempty"`
}

// Metadata names a manifest.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// JobSpec says when, where and what.
type JobSpec struct {
	Schedule Schedules `json:"schedule,omitempty"`
	Every    Duration  `json:"every,omitempty"`    // instead of Schedule, for a job without an agent: the longest pause between two pings
	Timezone string    `json:"timezone,omitempty"` // IANA name; default UTC
	Target   Target    `json:"target"`
	Run      RunSpec   `json:"run,omitzero"` // nothing for a job without an agent
	Monitor  Monitor   `json:"monitor,omitzero"`
	Suspend  bool      `json:"suspend,omitempty"` // stays in Git, off the hosts
}

// Schedules is one cron expression or a list of up to 16; one alone is spelled as a
// string.
type Schedules []string

// MarshalJSON writes one expression as a string, several as a list.
func (s Schedules) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return json.Marshal(s[0])
	}
	return json.Marshal([]string(s))
}

// UnmarshalJSON reads a string or a list of strings.
func (s *Schedules) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = Schedules{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// Target says on which agents a job runs, in exactly one way.
type Target struct {
	Labels map[string]string `json:"labels,omitempty"` // all must match the agent's
	Agents []string          `json:"agents,omitempty"`
	All    bool              `json:"all,omitempty"`
	Ping   bool              `json:"ping,omitempty"` // on none: it is started by something else, which pings
}

// RunSpec says what is started and how. Exactly one of Command and Script is set.
type RunSpec struct {
	Command          []string          `json:"command,omitempty"` // argv, no shell
	Script           string            `json:"script,omitempty"`
	Shell            string            `json:"shell,omitempty"` // default /bin/sh, for Script only
	User             string            `json:"user,omitempty"`  // default: the agent's user
	WorkingDirectory string            `json:"workingDirectory,omitempty"`
	Environment      map[string]string `json:"environment,omitempty"`
	Secrets          map[string]string `json:"secrets,omitempty"` // name to reference ("file:/path"), resolved on the host
	Timeout          Duration          `json:"timeout,omitempty"` // 0: none; TERM, then KILL after 10 s
	Concurrency      Concurrency       `json:"concurrency,omitempty"`
	Retries          *Retries          `json:"retries,omitempty"`
	Splay            Duration          `json:"splay,omitempty"` // a fixed delay per job and agent, below this
	SuccessExitCodes []int             `json:"successExitCodes,omitempty"`
	CaptureOutput    *Size             `json:"captureOutput,omitempty"` // last bytes of stdout and stderr; 0: none
	Passthrough      bool              `json:"passthrough,omitempty"`   // also hand the output to the scheduler
}

// Concurrency says what happens when a job is due while its last run still goes on.
type Concurrency string

// The ways to treat a job that is due while it still runs.
const (
	ConcurrencyForbid  Concurrency = "forbid"  // skip the new run
	ConcurrencyAllow   Concurrency = "allow"   // run both
	ConcurrencyReplace Concurrency = "replace" // stop the old one first
)

// Retries says how often and how far apart a failed run is tried again.
type Retries struct {
	Limit      int      `json:"limit"`
	Backoff    Duration `json:"backoff,omitempty"`    // the pause before the second attempt; it doubles each time
	MaxBackoff Duration `json:"maxBackoff,omitempty"` // the longest pause
}

// Pause returns how long to wait after the given attempt, counted from 1, has failed, and
// false if it was the last.
func (r *Retries) Pause(attempt int) (time.Duration, bool) {
	if r == nil || attempt > r.Limit {
		return 0, false
	}
	pause := r.Backoff
	for range attempt - 1 {
		if pause >= r.MaxBackoff { // before it overflows
			break
		}
		pause *= 2
	}
	return min(pause, r.MaxBackoff).Std(), true
}

// Monitor says when a run counts as missed or too long.
type Monitor struct {
	Grace         Duration `json:"grace,omitempty"`
	StartDeadline Duration `json:"startDeadline,omitempty"` // a start later than this is told of; 0: only a miss is
	MaxDuration   Duration `json:"maxDuration,omitempty"`   // default: run.timeout, else none
	CatchUp       string   `json:"catchUp,omitempty"`       // none or once
	DependsOn     []string `json:"dependsOn,omitempty"`     // jobs whose open incidents suppress this one's: a name in the namespace, or namespace/name
}

// Empty reports whether nothing is said.
func (m *Monitor) Empty() bool {
	return m.Grace == 0 && m.StartDeadline == 0 && m.MaxDuration == 0 && m.CatchUp == "" && m.DependsOn == nil
}

// What happens to runs missed while the host slept.
const (
	CatchUpNone = "none"
	CatchUpOnce = "once"
)

// Name returns the job's identity within its tenant.
func (j *Job) Name() JobName { return JobName{j.Metadata.Namespace, j.Metadata.Name} }

// DependsOn returns the jobs that the job says it needs.
func (j *Job) DependsOn() []JobName {
	names := make([]JobName, len(j.Spec.Monitor.DependsOn))
	for i, said := range j.Spec.Monitor.DependsOn {
		names[i] = referredFrom(j.Metadata.Namespace, said)
	}
	return names
}

// referredFrom reads a name in a namespace, or namespace/name.
func referredFrom(namespace, said string) JobName {
	if other, name, found := strings.Cut(said, "/"); found {
		return JobName{other, name}
	}
	return JobName{namespace, said}
}

// SetDefaults fills in every default that does not depend on the host, so that what runs
// can be read off the job itself.
func (j *Job) SetDefaults() {
	setDefault(&j.Metadata.Namespace, DefaultNamespace)
	setDefault(&j.Spec.Timezone, DefaultTimezone)
	setDefault(&j.Spec.Monitor.Grace, DefaultGrace)
	setDefault(&j.Spec.Monitor.CatchUp, CatchUpNone)
	if j.Spec.Target.Ping {
		return // it starts nothing
	}
	run := &j.Spec.Run
	setDefault(&run.Concurrency, ConcurrencyForbid)
	if run.Script != "" {
		setDefault(&run.Shell, DefaultShell)
	}
	if run.SuccessExitCodes == nil {
		run.SuccessExitCodes = []int{0}
	}
	if run.CaptureOutput == nil {
		size := DefaultCaptureOutput
		run.CaptureOutput = &size
	}
	if retries := run.Retries; retries != nil {
		setDefault(&retries.Backoff, DefaultBackoff)
		setDefault(&retries.MaxBackoff, max(DefaultMaxBackoff, retries.Backoff))
	}
	setDefault(&j.Spec.Monitor.MaxDuration, run.Timeout)
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Digest returns the SHA-256, in hex, of the job's canonical JSON. Two jobs with one
// digest run alike. Go writes struct fields in order and map keys sorted, which makes
// its JSON of one value canonical.
func (j *Job) Digest() string {
	return digest(j)
}

// digest hashes the JSON of a value that always marshals.
func digest(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("crontopus: a noun that does not marshal: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Matches reports whether the target takes in the agent: by every label, by a name that
// an operator fixed, or because it says all. A revoked agent is never matched.
func (t Target) Matches(a *Agent) bool {
	switch {
	case a.RevokedAt != nil:
		return false
	case t.All:
		return true
	case len(t.Agents) > 0:
		return a.NameFixed && slices.Contains(t.Agents, a.Name)
	case len(t.Labels) > 0:
		for key, want := range t.Labels {
			if got, ok := a.MatchLabel(key); !ok || got != want {
				return false
			}
		}
		return true
	}
	return false
}
