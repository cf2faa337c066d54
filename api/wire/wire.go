// Package wire holds the messages of the API that are not nouns: what an agent and a
// server say to each other, lists and errors. The server, the Go client and the agent
// share it, so it imports the root package only.
package wire

import (
	"time"

	"crontopus.dev/crontopus"
)

// Headers of the agent's protocol.
const (
	HeaderSignature    = "Crontopus-Signature"     // base64 of the ed25519 signature over the raw body, by the key that it brings
	HeaderKeySet       = "Crontopus-Key-Set"       // the version of the newest key set: a poll's answer tells it, the next poll repeats it
	HeaderSpoolDrained = "Crontopus-Spool-Drained" // RFC 3339; rides along with a poll
	HeaderVersion      = "Crontopus-Version"       // of the server, in each answer; a program tells its own as User-Agent
	HeaderRequestID    = "X-Request-Id"            // the caller's or the server's; in the answer and the logs
)

// ContentTypeEnvelope is the media type of a bundle's signed envelope.
const ContentTypeEnvelope = "application/vnd.dsse.envelope.v1+json"

// MaxWait is how long a poll for a bundle may wait.
const MaxWait = 60 * time.Second

// MaxTokenLife is how long an agent's token may be good for.
const MaxTokenLife = 5 * time.Minute

// Whoami says whose credential a request carried.
type Whoami struct {
	Tenant crontopus.TenantID `json:"tenant"`
	KeyID  string             `json:"keyId"`
	Name   string             `json:"name"`
	Role   crontopus.Role     `json:"role"`
}

// List is a page of a list. Next is the cursor of the following page, "" on the last.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// Alerting is a manifest that says who is told of what, as it is in force, and where it stands.
// Exactly one of the three is set.
type Alerting struct {
	Policy   *crontopus.AlertPolicy         `json:"policy,omitempty"`
	Channel  *crontopus.NotificationChannel `json:"channel,omitempty"`
	Window   *crontopus.MaintenanceWindow   `json:"window,omitempty"`
	SourceID string                         `json:"sourceId"` // the source that owns it
	Path     string                         `json:"path"`     // file within the repository
	Line     int                            `json:"line"`
	Revision string                         `json:"revision"` // that last changed it
}

// Problem is an error of the API: RFC 9457 with a stable code, what to do next and the request's id.
type Problem struct {
	Type      string              `json:"type,omitempty"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail"`
	Code      string              `json:"code"`
	Hint      string              `json:"hint,omitempty"`
	RequestID string              `json:"requestId"`
	Time      *time.Time          `json:"time,omitempty"`     // the server's, with clock_skew
	Problems  []crontopus.Problem `json:"problems,omitempty"` // of manifests
}

// Enroll asks for an agent's identity. The request's raw body is signed with the key
// that PublicKey belongs to, which proves that the host holds it.
type Enroll struct {
	Token     string            `json:"token"`          // cte_…, without the fingerprint
	PublicKey []byte            `json:"publicKey"`      // ed25519, 32 bytes, base64
	Name      string            `json:"name,omitempty"` // proposed, where the token has a pattern
	Facts     map[string]string `json:"facts"`
	At        time.Time         `json:"at"`
}

// Enrolled is the answer. Asking again with the same key gets the same answer.
type Enrolled struct {
	AgentID        string             `json:"agentId"`
	Tenant         crontopus.TenantID `json:"tenant"`
	Name           string             `json:"name"`
	InstallationID string             `json:"installationId"`          // the audience of the agent's tokens
	KeySet         []Key              `json:"keySet"`                  // what signs bundles; to be pinned
	RecoveryKey    Key                `json:"recoveryKey"`             // may replace the whole key set
	KeyStatements  [][]byte           `json:"keyStatements,omitempty"` // what vouches for both: see KeyStatements
}

// RotateKey puts an agent's next key in the place of the one that the request's token is
// signed with. The raw body is signed with the next one, which proves that the host holds it.
type RotateKey struct {
	PublicKey []byte    `json:"publicKey"` // ed25519, 32 bytes, base64
	At        time.Time `json:"at"`
}

// Key is a public signing key.
type Key = crontopus.Key

// KeyStatements are the signed envelopes of an installation's key sets, oldest first. They
// lead whoever trusts a key of the past to the keys of today.
type KeyStatements struct {
	Statements [][]byte `json:"statements"`
}

// MaxCheckIns is how many check-ins one request may carry.
const MaxCheckIns = 1000

// CheckIns is a batch of check-ins.
type CheckIns struct {
	CheckIns []crontopus.CheckIn `json:"checkIns"`
}

// CheckInResults answers a batch, in its order. The request as a whole is 200 when each
// item has a result; an item's own status is what a request of its own would have got.
type CheckInResults struct {
	Results []CheckInResult `json:"results"`
}

// CheckInResult is one item's outcome: 200 recorded (or known already), 400, 403, 404 or 409.
type CheckInResult struct {
	RunID   string `json:"runId"`
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// TokenInput asks for an enrolment token.
type TokenInput struct {
	Labels      map[string]string  `json:"labels,omitempty"`
	Name        string             `json:"name,omitempty"`
	NamePattern string             `json:"namePattern,omitempty"`
	MatchFacts  bool               `json:"matchFacts,omitempty"`
	Uses        int                `json:"uses,omitempty"`
	Expires     crontopus.Duration `json:"expires,omitempty"` // from now; default 1h
}

// TokenMade is the answer: the printed form is cte_SECRET.FINGERPRINT, shown once.
type TokenMade struct {
	Token    crontopus.EnrollmentToken `json:"token"`
	Printed  string                    `json:"printed"`
	Commands []string                  `json:"commands"` // what to run on the host
}

// KeyInput asks for an API key.
type KeyInput struct {
	Name string         `json:"name"`
	Role crontopus.Role `json:"role"`
}

// SecretInput stores a secret.
type SecretInput struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// KeyMade is the answer; Secret is shown once.
type KeyMade struct {
	Key    crontopus.APIKey `json:"key"`
	Secret string           `json:"secret"`
}

// Job is a job as the API shows it: what the repository says, where, and on which hosts.
type Job struct {
	crontopus.DesiredJob
	Source  string      `json:"source"`          // the source's name
	Agents  []string    `json:"agents"`          // names of the agents that it is published to
	Next    []time.Time `json:"next"`            // the next runs, in the job's zone; with `timezone: host` those on any host
	Hosts   []JobHost   `json:"hosts,omitempty"` // with `timezone: host`: what that means on each
	LastRun *LastRun    `json:"lastRun,omitempty"`
	PingURL string      `json:"pingUrl,omitempty"` // where a job without an agent checks in; for operators and admins, of one job
}

// PingURL is where a job checks in.
type PingURL struct {
	URL string `json:"url"`
}

// PingKeyInput asks for a ping key.
type PingKeyInput struct {
	Namespace string `json:"namespace"`
}

// PingKeyMade is a new ping key and its secret, which is in this answer and nowhere else.
type PingKeyMade struct {
	Key    crontopus.PingKey `json:"key"`
	Secret string            `json:"secret"`
	URL    string            `json:"url"` // a job's name goes behind it
}

// BadgeInput asks for a badge: of the job that it names, or of the jobs with a label.
type BadgeInput struct {
	Namespace string `json:"namespace,omitempty"` // of the job; with a label, default: any
	Name      string `json:"name,omitempty"`
	Label     string `json:"label,omitempty"` // key=value
}

// Badge is a badge and where it is shown: whoever has the address sees it.
type Badge struct {
	crontopus.Badge
	SVG  string `json:"svg"`
	JSON string `json:"json"`
}

// JobHost is when a job runs that names no zone but its hosts' own.
type JobHost struct {
	Agent    string      `json:"agent"`
	Timezone string      `json:"timezone"` // as the agent reported it, "" when it has not, or none that exists: then nobody knows the next runs
	Next     []time.Time `json:"next"`
}

// LastRun is the newest run of a job, in short.
type LastRun struct {
	ID    string             `json:"id"`
	Agent string             `json:"agent"`
	State crontopus.RunState `json:"state"`
	At    time.Time          `json:"at"`
}

// IncidentStory is an incident with what happened to it.
type IncidentStory struct {
	crontopus.Incident
	Events        []crontopus.IncidentEvent `json:"events"`        // the newest 200 at most, the oldest of them first
	Notifications []crontopus.Notification  `json:"notifications"` // the oldest first
}

// Comment is what a person says to an incident.
type Comment struct {
	Text string `json:"text,omitempty"`
}

// Snooze asks that nobody is told of an incident for a while.
type Snooze struct {
	For  crontopus.Duration `json:"for"`
	Text string             `json:"text,omitempty"`
}

// SilenceInput asks for a silence.
type SilenceInput struct {
	Match  crontopus.Match    `json:"match"`
	For    crontopus.Duration `json:"for"`
	Reason string             `json:"reason,omitempty"`
}

// Status is what is wrong at one moment.
type Status struct {
	At       time.Time               `json:"at,omitzero"`
	Counts   crontopus.Counts        `json:"counts"`
	Open     []crontopus.Incident    `json:"open"`           // incidents, the newest first, at most 100; without evidence
	Sources  []SourceTrouble         `json:"sources"`        // whose newest revision is not in force
	Silences []crontopus.Silence     `json:"silences"`       // in force
	Mute     []crontopus.MuteChannel `json:"mute,omitempty"` // channels that no message reaches
}

// SourceTrouble says why a source's newest revision is not in force.
type SourceTrouble struct {
	Name    string    `json:"name"`
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
}
