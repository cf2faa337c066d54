package agent

import (
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
)

// keySet is what this host trusts. A recovery key that came without a statement is
// nobody's word, so it is not in it.
func (id *Identity) keySet() crontopus.KeySet {
	set := crontopus.KeySet{Installation: id.InstallationID, Version: id.KeySetVersion, Keys: id.KeySet}
	if id.KeySetVersion != (crontopus.KeySetVersion{}) {
		set.RecoveryKey = id.RecoveryKey
	}
	return set
}

// Follow takes over the newest key set that the statements lead to from the one that id
// trusts, and writes it down. It returns the identity from then on, id itself if there is nothing new;
// the error is for a newer statement that nobody trusted has signed.
//
// Where no key of today signed the stored bundle, those of before are retired: it stays in force until
// the next one comes, since jobs keep running whatever happens to keys, but nothing new is accepted from them.
// After a recovery the high-water mark does not count any more; it says itself that it is of before.
func (s State) Follow(id *Identity, statements [][]byte) (*Identity, error) {
	set, untrusted := envelope.Advance(id.keySet(), statements)
	if untrusted != nil {
		untrusted = crontopus.Errorf(crontopus.CodeForbidden, "the server's newest signing keys are not to be trusted: %w", untrusted).
			WithHint("somebody may stand between; if the server was set up anew, enroll again after `crontopus-agent uninstall --purge`")
	}
	if set.Version == id.KeySetVersion {
		return id, untrusted
	}
	next := *id
	next.KeySetVersion, next.KeySet, next.RecoveryKey = set.Version, set.Keys, set.RecoveryKey
	next.Retired = nil
	if raw, err := readBundle(s); err == nil {
		if _, refusal := open(raw, &next, next.Keys()); refusal != nil {
			next.Retired = slices.Concat(id.KeySet, id.Retired)
		}
	}
	if err := writeJSON(s.IdentityFile(), next); err != nil {
		return id, err
	}
	return &next, untrusted
}

// forgetRetired ends what Follow left: a bundle by a key of today is stored.
func (s State) forgetRetired(id *Identity) (*Identity, error) {
	if len(id.Retired) == 0 {
		return id, nil
	}
	next := *id
	next.Retired = nil
	if err := writeJSON(s.IdentityFile(), next); err != nil {
		return id, err
	}
	return &next, nil
}
