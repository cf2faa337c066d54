package syncer

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
)

// sealPayloadType marks the statement that a source's desired state is what the syncer read
// from Git. Nothing else may write desired state: what somebody puts there with SQL has no
// seal, and the publisher refuses it.
const sealPayloadType = "application/vnd.crontopus.desired-state+json"

// statement is what a seal signs.
type statement struct {
	Tenant   crontopus.TenantID `json:"tenant"`
	Source   string             `json:"source"`
	Sequence int64              `json:"sequence"`
	Revision string             `json:"revision"`
	Jobs     string             `json:"jobs"` // SHA-256 of each job's name, digest, file, line, revision and commit
}

// statementOf returns the statement of a state with these digests of its jobs.
func statementOf(tenant crontopus.TenantID, d crontopus.DesiredState, digest func(*crontopus.DesiredJob) string) statement {
	lines := make([][]byte, len(d.Jobs))
	for i := range d.Jobs {
		j := &d.Jobs[i]
		line := append(make([]byte, 0, 256), j.Job.Name().String()...)
		for _, part := range []string{digest(j), j.Path, strconv.Itoa(j.Line), j.Revision, j.Commit.Hash} {
			line = append(append(line, 0), part...)
		}
		lines[i] = append(line, '\n')
	}
	slices.SortFunc(lines, slices.Compare)
	hash := sha256.New()
	for _, line := range lines {
		hash.Write(line)
	}
	return statement{tenant, d.SourceID, d.Sequence, d.Revision, hex.EncodeToString(hash.Sum(nil))}
}

// seal signs a state as it will be stored, one after the sequence that was read.
func seal(tenant crontopus.TenantID, d crontopus.DesiredState, key ed25519.PrivateKey) ([]byte, error) {
	d.Sequence++
	payload, err := json.Marshal(statementOf(tenant, d, func(j *crontopus.DesiredJob) string { return j.Digest }))
	if err != nil {
		return nil, err
	}
	return envelope.Sign(sealPayloadType, payload, key)
}

// sealCheck is what a Publisher remembers and checks of seals.
type sealCheck struct {
	keys map[string]ed25519.PublicKey
	// newest is the highest good sequence of each source, by tenant: an older state, however
	// well sealed, does not come back, and none goes away by itself.
	newest map[crontopus.TenantID]map[string]int64
}

func newSealCheck(key ed25519.PrivateKey, older []ed25519.PublicKey) *sealCheck {
	c := &sealCheck{keys: map[string]ed25519.PublicKey{}, newest: map[crontopus.TenantID]map[string]int64{}}
	for _, public := range append(slices.Clone(older), key.Public().(ed25519.PublicKey)) {
		c.keys[envelope.KeyID(public)] = public
	}
	return c
}

// errUnsealed is a state without a seal of a key that is trusted today: one from before
// seals, or before its key was replaced, or one that somebody wrote.
var errUnsealed = errors.New("no key that is trusted has sealed it")

// broken returns why each state that the syncer did not write is refused, by source.
func (c *sealCheck) broken(tenant crontopus.TenantID, set crontopus.DesiredSet) map[string]error {
	newest := c.newest[tenant]
	if newest == nil {
		newest = map[string]int64{}
		c.newest[tenant] = newest
	}
	why, present := map[string]error{}, map[string]bool{}
	for _, state := range set.States {
		present[state.SourceID] = true
		switch err := c.verify(tenant, state); {
		case err != nil:
			why[state.SourceID] = err
		case state.Sequence < newest[state.SourceID]:
			why[state.SourceID] = fmt.Errorf("it is of sequence %d, and %d was there before", state.Sequence, newest[state.SourceID])
		default:
			newest[state.SourceID] = state.Sequence
		}
	}
	for source := range newest {
		if !present[source] {
			why[source], newest[source] = errors.New("it is gone"), 0 // the sync that mends begins at 1
		}
	}
	return why
}

func (c *sealCheck) verify(tenant crontopus.TenantID, state crontopus.DesiredState) error {
	payload, _, err := envelope.Verify(state.Seal, sealPayloadType, c.keys)
	if err != nil {
		return errUnsealed
	}
	var sealed statement
	if err := json.Unmarshal(payload, &sealed); err != nil {
		return fmt.Errorf("its seal cannot be read: %w", err)
	}
	for i := range state.Jobs {
		if j := &state.Jobs[i]; j.SourceID != state.SourceID {
			return fmt.Errorf("the job %s is another source's", j.Job.Name())
		}
	}
	if sealed != statementOf(tenant, state, func(j *crontopus.DesiredJob) string { return j.Job.Digest() }) {
		return errors.New("it is not what was sealed: a job, file, revision or sequence was changed, added or removed")
	}
	return nil
}

// refuseBroken reports every source whose state the syncer did not write, and says whether
// there is any. The good bundles then stay; the source's next sync writes and seals anew, and
// comes at once where a seal alone is missing.
func (p *Publisher) refuseBroken(ctx context.Context, tenant crontopus.TenantID, set crontopus.DesiredSet) (refused bool, err error) {
	for id, why := range p.seals.broken(tenant, set) {
		source, err := p.Store.SystemSource(ctx, id)
		if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			delete(p.seals.newest[tenant], id) // removed in the meantime, as a person wished
			continue
		}
		if err != nil {
			return true, err
		}
		refused = true
		message := "the desired state in the database is not what the syncer wrote: " + why.Error() +
			"; the last good bundles stay; find out who can write to the database, then: crontopus sources sync " + source.Name
		if err := p.Store.StallSource(ctx, tenant, id, crontopus.ReasonSealBroken, message, p.Now()); err != nil {
			return true, err
		}
		if errors.Is(why, errUnsealed) { // as after keys were replaced: nothing to look into
			if err := p.Store.SystemRequestSync(ctx, id, p.Now()); err != nil {
				return true, err
			}
		}
		p.Log.ErrorContext(ctx, "bundles are not published: the desired state's seal is broken", "tenant", tenant, "source", source.Name, "why", why)
	}
	return refused, nil
}
