package crontopus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// BundlePayloadType is the DSSE payload type of a Bundle.
const BundlePayloadType = "application/vnd.crontopus.bundle+json"

// Generation orders an agent's bundles: by epoch, then by number. The zero Generation
// comes before every published one.
type Generation struct {
	Epoch  int64 `json:"epoch"`
	Number int64 `json:"number"`
}

// Compare orders generations.
func (g Generation) Compare(o Generation) int {
	return cmp.Or(cmp.Compare(g.Epoch, o.Epoch), cmp.Compare(g.Number, o.Number))
}

// String returns "epoch.number", such as "1.42".
func (g Generation) String() string { return fmt.Sprintf("%d.%d", g.Epoch, g.Number) }

// Bundle is all jobs compiled for one agent at one generation. It travels as the payload
// of a signed envelope.
type Bundle struct {
	Tenant     TenantID          `json:"tenant"`
	Agent      string            `json:"agent"` // the agent's id: with Tenant, the audience
	Epoch      int64             `json:"epoch"`
	Generation int64             `json:"generation"`
	JobsDigest string            `json:"jobsDigest"` // of Jobs: what makes a generation
	Issued     time.Time         `json:"issued"`
	Expires    time.Time         `json:"expires"`
	Jobs       []Job             `json:"jobs"`      // after defaults, sorted by name, each with its source
	Revisions  map[string]string `json:"revisions"` // job's name to the revision that last changed it; outside the digest
}

// Gen returns the bundle's epoch and generation as one value.
func (b *Bundle) Gen() Generation { return Generation{b.Epoch, b.Generation} }

// JobsDigest sorts jobs by name and returns the SHA-256, in hex, of their canonical JSON.
func JobsDigest(jobs []Job) string {
	slices.SortFunc(jobs, func(a, b Job) int { return a.Name().Compare(b.Name()) })
	if jobs == nil {
		jobs = []Job{}
	}
	return digest(jobs)
}

// Entry is one job on one host, as its scheduler holds it.
type Entry struct {
	Job   JobName `json:"job"`
	Agent string  `json:"agent"` // the agent's name
}

// String returns "namespace/name@agent".
func (e Entry) String() string { return e.Job.String() + "@" + e.Agent }

// Compare orders entries by job, then agent.
func (e Entry) Compare(o Entry) int {
	return cmp.Or(e.Job.Compare(o.Job), strings.Compare(e.Agent, o.Agent))
}

// Plan is what a person approves when a sync is held: which entries go when the source
// moves. From and To are digests of the jobs before and after, not commits, so that a merge or a
// squash of the same change has the same plan.
type Plan struct {
	Source  string   `json:"source"` // the source's id
	From    string   `json:"from"`
	To      string   `json:"to"`
	Removed []string `json:"removed"` // entries, sorted
}

// Digest returns the SHA-256, in hex, of the plan's canonical JSON.
func (p Plan) Digest() string {
	if p.Removed == nil {
		p.Removed = []string{}
	}
	return digest(p)
}
