package syncer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// statementOf returns the statement of a state.
func statementOf(tenant crontopus.TenantID, d crontopus.DesiredState) statement {
	text := make([]byte, 0, 256*len(d.Jobs))
	lines := make([][]byte, len(d.Jobs))
	for i := range d.Jobs {
		j, begin := &d.Jobs[i], len(text)
		text = append(append(append(text, j.Job.Metadata.Namespace...), '/'), j.Job.Metadata.Name...)
		text = append(append(append(append(text, 0), j.Digest...), 0), j.Path...)
		text = strconv.AppendInt(append(text, 0), int64(j.Line), 10)
		text = append(append(append(append(text, 0), j.Revision...), 0), j.Commit.Hash...)
		text = append(text, '\n')
		lines[i] = text[begin:]
	}
	slices.SortFunc(lines, bytes.Compare)
	hash := sha256.New()
	for _, line := range lines {
		hash.Write(line)
	}
	return statement{tenant, d.SourceID, d.Sequence, d.Revision, hex.EncodeToString(hash.Sum(nil))}
}

// seal signs a state as it will be stored, one after the sequence that was read.
func seal(tenant crontopus.TenantID, d crontopus.DesiredState, key ed25519.PrivateKey) ([]byte, error) {
	d.Sequence++
	payload, err := json.Marshal(statementOf(tenant, d))
	if err != nil {
		return nil, err
	}
	return envelope.Sign(sealPayloadType, payload, key)
}

// sealKeys are the keys whose seals are trusted, by id.
type sealKeys map[string]ed25519.PublicKey

func newSealKeys(key ed25519.PrivateKey, older []ed25519.PublicKey) sealKeys {
	keys := sealKeys{}
	for _, public := range append(slices.Clone(older), key.Public().(ed25519.PublicKey)) {
		keys[envelope.KeyID(public)] = public
	}
	return keys
}

// errUnsealed is a state without a seal of a key that is trusted today: one from before
// seals, or before its key was replaced, or one that somebody wrote.
var errUnsealed = errors.New("no key that is trusted has sealed it")

// sequences are the highest good sequence of each source, by tenant: an older state, however
// well sealed, does not come back, and none goes away by itself.
type sequences map[crontopus.TenantID]map[string]int64

// check adds to broken the sources whose states went back, and notes the others'.
func (s sequences) check(tenant crontopus.TenantID, set crontopus.DesiredSet, broken map[string]error) {
	newest := s[tenant]
	if newest == nil {
		newest = map[string]int64{}
		s[tenant] = newest
	}
	present := map[string]bool{}
	for _, state := range set.States {
		present[state.SourceID] = true
		switch {
		case broken[state.SourceID] != nil:
		case state.Sequence < newest[state.SourceID]:
			broken[state.SourceID] = fmt.Errorf("it is of sequence %d, and %d was there before", state.Sequence, newest[state.SourceID])
		default:
			newest[state.SourceID] = state.Sequence
		}
	}
	for source := range newest {
		if !present[source] {
			broken[source], newest[source] = errors.New("it is gone"), 0 // the sync that mends begins at 1
		}
	}
}

// verify returns why a state is not what was sealed, nil if it is.
func (k sealKeys) verify(tenant crontopus.TenantID, state crontopus.DesiredState) error {
	payload, _, err := envelope.Verify(state.Seal, sealPayloadType, k)
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
		} else if strings.ContainsAny(j.Path+j.Revision+j.Commit.Hash, "\x00\n") {
			return fmt.Errorf("the file, revision or commit of the job %s holds what parts them in the statement", j.Job.Name())
		}
	}
	if sealed != statementOf(tenant, state) {
		return errors.New("it is not what was sealed: a job, file, revision or sequence was changed, added or removed")
	}
	return nil
}

// desired reads a tenant's desired state. It reports every source whose state the syncer did
// not write, and says whether there is any. The good bundles then stay; the source's next sync
// writes and seals anew, and comes at once where a seal alone is missing.
func (p *Publisher) desired(ctx context.Context, tenant crontopus.TenantID) (set crontopus.DesiredSet, refused bool, err error) {
	set, broken, err := p.memory.read(ctx, tenant)
	if err != nil {
		return set, false, err
	}
	p.newest.check(tenant, set, broken)
	for id, why := range broken {
		source, err := p.Store.SystemSource(ctx, id)
		if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			delete(p.newest[tenant], id) // removed in the meantime, as a person wished
			continue
		}
		if err != nil {
			return set, true, err
		}
		refused = true
		message := "the desired state in the database is not what the syncer wrote: " + why.Error() +
			"; the last good bundles stay; find out who can write to the database, then: crontopus sources sync " + source.Name
		if err := p.Store.StallSource(ctx, tenant, id, crontopus.ReasonSealBroken, message, p.Now()); err != nil {
			return set, true, err
		}
		if errors.Is(why, errUnsealed) { // as after keys were replaced: nothing to look into
			if err := p.Store.SystemRequestSync(ctx, id, crontopus.TriggerRepair, p.Now()); err != nil {
				return set, true, err
			}
		}
		p.Log.ErrorContext(ctx, "bundles are not published: the desired state's seal is broken", "tenant", tenant, "source", source.Name, "why", why)
	}
	return set, refused, nil
}
