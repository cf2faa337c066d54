package agent

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/atomicfile"
)

// Mark is the highest generation that was ever accepted, and what it held. It outlives
// the bundle's file, so that a lost bundle opens no way back to an older one.
type Mark struct {
	Generation crontopus.Generation `json:"generation"`
	JobsDigest string               `json:"jobsDigest"`
	Recovery   int64                `json:"recovery,omitempty"` // of the key set that it was accepted under, see Follow
}

// Gate is where bundles come in. It remembers the last one that it wrote down, as long as nobody else touches the
// file, so that the next one is measured by it without verifying it again.
type Gate struct {
	State State

	last inForce
	file os.FileInfo // of last
	by   *Identity   // whose keys last was verified by
}

// inForce is what a new bundle is measured by.
type inForce struct {
	generation crontopus.Generation // zero: there is none
	jobsDigest string
	expires    time.Time
}

// Accept decides about a bundle that came over the network, in an order that never
// changes: signature by a pinned key, form, audience, generation, equivocation, expiry,
// the host's policy. Then, and only then, it is written down for the runs to come. A
// bundle that is refused changes nothing; the error is for what failed on this host.
func (g *Gate) Accept(id *Identity, policy *Policy, raw []byte, now time.Time) (*crontopus.Bundle, *crontopus.Refusal, error) {
	bundle, refusal := open(raw, id, id.Keys())
	if refusal != nil {
		return nil, refusal, nil
	}
	last, mark, err := g.accepted(id)
	if err != nil {
		return nil, nil, err
	}
	if refusal = judge(bundle, mark, now); refusal != nil {
		return nil, refusal, nil
	}
	applied, err := g.State.LoadApplied()
	if err != nil {
		return nil, nil, err
	}
	if refusal = policy.judge(bundle, entriesOf(applied)); refusal != nil {
		return nil, refusal, nil
	}
	if last.generation == bundle.Gen() && !bundle.Expires.After(last.expires) {
		bundle.Expires = last.expires // we have that signature, or a fresher one
		return bundle, nil, nil
	}
	if err := atomicfile.Write(g.State.BundleFile(), raw, 0o600); err != nil {
		return nil, nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot write the bundle: %w", err)
	}
	g.remember(bundle, id)
	return bundle, nil, writeJSON(g.State.MarkFile(), Mark{bundle.Gen(), bundle.JobsDigest, id.KeySetVersion.Recovery})
}

// remember notes what is in the file from now on.
func (g *Gate) remember(b *crontopus.Bundle, id *Identity) {
	if file, err := os.Stat(g.State.BundleFile()); err == nil {
		g.last, g.file, g.by = inForce{b.Gen(), b.JobsDigest, b.Expires}, file, id
	}
}

// open verifies an envelope and reads the bundle in it, up to its audience: what makes a
// bundle ours, whenever it is looked at.
func open(raw []byte, id *Identity, keys map[string]ed25519.PublicKey) (*crontopus.Bundle, *crontopus.Refusal) {
	payload, _, err := envelope.Verify(raw, crontopus.BundlePayloadType, keys)
	switch {
	case errors.Is(err, envelope.ErrWrongType):
		return nil, &crontopus.Refusal{Code: crontopus.RefusedMalformed, Message: err.Error()}
	case err != nil:
		return nil, &crontopus.Refusal{Code: crontopus.RefusedSignature, Message: err.Error()}
	}
	var b crontopus.Bundle
	if err := json.Unmarshal(payload, &b); err != nil {
		return nil, &crontopus.Refusal{Code: crontopus.RefusedMalformed, Message: "the signed payload is not a bundle: " + err.Error()}
	}
	if err := wellFormed(&b); err != nil {
		return nil, refuse(&b, crontopus.RefusedMalformed, "%s", err)
	}
	if b.Tenant != id.Tenant || b.Agent != id.AgentID {
		return nil, refuse(&b, crontopus.RefusedAudience, "the bundle is for agent %q of tenant %q, and this is agent %q of tenant %q",
			b.Agent, b.Tenant, id.AgentID, id.Tenant)
	}
	return &b, nil
}

// wellFormed checks what the rest of the agent relies on. Names become lines of crontabs
// and names of files; the order is what a run finds its job by; and a field that this
// version does not know changes the digest, so no part of a job is silently left out.
func wellFormed(b *crontopus.Bundle) error {
	for i := range b.Jobs {
		name := b.Jobs[i].Name()
		if !crontopus.ValidName(name.Namespace) || !crontopus.ValidName(name.Name) {
			return fmt.Errorf("%q is no job's name", name)
		}
		if i > 0 && b.Jobs[i-1].Name().Compare(name) >= 0 {
			return fmt.Errorf("the job %s is twice there or out of order", name)
		}
	}
	if crontopus.JobsDigest(b.Jobs) != b.JobsDigest {
		return errors.New("its digest is not that of its jobs; is this agent older than the server?")
	}
	if b.Epoch < 1 || b.Generation < 1 {
		return fmt.Errorf("%s is no published generation", b.Gen())
	}
	return nil
}

// judge compares a bundle with what was accepted before, and with the clock.
func judge(b *crontopus.Bundle, mark Mark, now time.Time) *crontopus.Refusal {
	switch order := b.Gen().Compare(mark.Generation); {
	case order < 0:
		return refuse(b, crontopus.RefusedRollback, "generation %s is older than %s, which this host has accepted", b.Gen(), mark.Generation)
	case order == 0 && b.JobsDigest != mark.JobsDigest:
		return refuse(b, crontopus.RefusedEquivocation, "generation %s came before with other jobs: somebody signs two truths", b.Gen())
	case !now.Before(b.Expires):
		return refuse(b, crontopus.RefusedExpired, "generation %s expired at %s, and this host's clock says %s",
			b.Gen(), b.Expires.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// judge refuses a bundle that would take more jobs away than the host lets one change
// take. It counts what the scheduler holds, so that a refusal is not forgotten with the
// bundle's file; jobs that the policy itself forbids do not count.
func (p *Policy) judge(b *crontopus.Bundle, held []Native) *crontopus.Refusal {
	if p.MaxRemovals == nil {
		return nil
	}
	removed := 0
	for _, entry := range held {
		_, stays := slices.BinarySearchFunc(b.Jobs, entry.Job, func(job crontopus.Job, name crontopus.JobName) int {
			return job.Name().Compare(name)
		})
		if !stays {
			removed++
		}
	}
	if removed > *p.MaxRemovals {
		return refuse(b, crontopus.RefusedPolicy, "generation %s takes %d jobs away, and the host's policy lets one change take %d (maxRemovals)",
			b.Gen(), removed, *p.MaxRemovals)
	}
	return nil
}

func refuse(b *crontopus.Bundle, code, format string, args ...any) *crontopus.Refusal {
	return &crontopus.Refusal{Generation: b.Gen(), Code: code, Message: fmt.Sprintf(format, args...)}
}

// mark returns the high-water mark, the zero one if there is none that can be read, and what is wrong with it then.
func (s State) mark() (m Mark, damage, err error) {
	err = readJSON(s.MarkFile(), &m)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Mark{}, nil, nil
	case crontopus.ErrorCode(err) == crontopus.CodeInvalid:
		return Mark{}, err, nil
	}
	return m, nil, err
}

// accepted returns what is in force, nothing if there is no bundle that can be read, and the
// high-water mark. Both files hold the generation; the higher one counts, since a power cut may fall
// between the two writes. A mark that is damaged counts as lost: only this host can damage it,
// and the mark is there against the network.
func (g *Gate) accepted(id *Identity) (inForce, Mark, error) {
	mark, _, err := g.State.mark()
	if err != nil {
		return inForce{}, Mark{}, err
	}
	if mark.Recovery < id.KeySetVersion.Recovery {
		// Whoever stole the old keys may have raised it beyond everything. The new key never signed an
		// older bundle, so there is none to go back to.
		mark = Mark{}
	}
	last := g.stored(id)
	if last.generation.Compare(mark.Generation) > 0 {
		mark = Mark{last.generation, last.jobsDigest, id.KeySetVersion.Recovery}
	}
	return last, mark, nil
}

// stored is what the bundle's file holds. One that is lost or damaged is nothing: it is fetched anew.
func (g *Gate) stored(id *Identity) inForce {
	if file, err := os.Stat(g.State.BundleFile()); err == nil && g.by == id && sameContent(file, g.file) {
		return g.last
	}
	raw, err := readBundle(g.State)
	if err != nil {
		return inForce{}
	}
	b, refusal := open(raw, id, id.Keys()) // what a retired key signed is no measure for what is new
	if refusal != nil {
		return inForce{}
	}
	return inForce{b.Gen(), b.JobsDigest, b.Expires}
}
