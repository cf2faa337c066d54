package envelope

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"crontopus.dev/crontopus"
)

// Limits of key sets.
const (
	MaxKeys       = MaxSignatures // in a set
	MaxStatements = 1000          // that are looked at: a rotation a day for years
)

// PublicKey returns a key with its id.
func PublicKey(pub ed25519.PublicKey) crontopus.Key {
	return crontopus.Key{ID: KeyID(pub), Public: pub}
}

// IsKey reports whether k is a whole key whose id is its fingerprint.
func IsKey(k crontopus.Key) bool {
	return len(k.Public) == ed25519.PublicKeySize && k.ID == KeyID(k.Public)
}

// Keys returns the keys that are whole by their id, as Verify takes them.
func Keys(list ...crontopus.Key) map[string]ed25519.PublicKey {
	keys := map[string]ed25519.PublicKey{}
	for _, k := range list {
		if IsKey(k) {
			keys[k.ID] = k.Public
		}
	}
	return keys
}

// SignKeySet returns the statement of a key set, signed by each of the keys.
func SignKeySet(set crontopus.KeySet, keys ...ed25519.PrivateKey) ([]byte, error) {
	if err := checkKeySet(set); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return Sign(crontopus.KeySetPayloadType, payload, keys...)
}

// Advance returns the newest key set that the statements, in their order, lead to from
// the one that is trusted. A statement counts if its version is higher and a trusted key signed it; if
// the recovery key's part of the version is higher, the trusted recovery key did. The recovery key itself
// is taken from the first statement where none is trusted yet, and after that from one that it signed.
// The error wraps ErrUntrusted if a newer statement than the result remains.
func Advance(trusted crontopus.KeySet, statements [][]byte) (crontopus.KeySet, error) {
	if len(statements) > MaxStatements {
		return trusted, fmt.Errorf("%w: %d key statements are more than %d", ErrMalformed, len(statements), MaxStatements)
	}
	var refused error
	for _, raw := range statements {
		next, err := follow(trusted, raw)
		switch {
		case err != nil:
			refused = err
		case next.Version.Compare(trusted.Version) > 0:
			trusted, refused = next, nil
		}
	}
	return trusted, refused
}

// follow reads one statement: trusted itself is returned for one that is not newer.
func follow(trusted crontopus.KeySet, raw []byte) (crontopus.KeySet, error) {
	claimed, err := ReadKeySet(raw)
	if err != nil {
		return trusted, err
	}
	if claimed.Version.Compare(trusted.Version) <= 0 {
		return trusted, nil
	}
	keys := trusted.Keys
	recovers := claimed.Version.Recovery > trusted.Version.Recovery && trusted.Version != (crontopus.KeySetVersion{})
	if recovers {
		keys = []crontopus.Key{trusted.RecoveryKey}
	}
	payload, _, err := Verify(raw, crontopus.KeySetPayloadType, Keys(keys...))
	if err != nil {
		return trusted, fmt.Errorf("key set %s: %w", claimed.Version, err)
	}
	var set crontopus.KeySet
	if err := json.Unmarshal(payload, &set); err != nil {
		return trusted, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkKeySet(set); err != nil {
		return trusted, err
	}
	if trusted.Installation != "" && set.Installation != trusted.Installation {
		return trusted, fmt.Errorf("%w: key set %s is of another installation", ErrUntrusted, set.Version)
	}
	if !recovers && IsKey(trusted.RecoveryKey) && set.RecoveryKey.ID != trusted.RecoveryKey.ID {
		return trusted, fmt.Errorf("%w: key set %s names another recovery key, which only the recovery key may", ErrUntrusted, set.Version)
	}
	return set, nil
}

// Pin returns the newest key set that the statements lead to from a key of which only the
// fingerprint is known. The recovery key is then the one that this key vouches for.
func Pin(fingerprint string, statements [][]byte) (crontopus.KeySet, error) {
	for _, raw := range statements {
		claimed, err := ReadKeySet(raw)
		if err != nil {
			return crontopus.KeySet{}, err
		}
		for _, k := range claimed.Keys {
			if IsKey(k) && k.ID == fingerprint {
				return Advance(crontopus.KeySet{Keys: []crontopus.Key{k}}, statements)
			}
		}
	}
	return crontopus.KeySet{}, fmt.Errorf("%w: no key set names the key %s", ErrUntrusted, fingerprint)
}

// ReadKeySet reads a statement without verifying it.
func ReadKeySet(raw []byte) (set crontopus.KeySet, err error) {
	e, err := parse(raw)
	if err != nil {
		return set, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	_, payload, err := e.message()
	if err == nil {
		err = json.Unmarshal(payload, &set)
	}
	if err != nil {
		return set, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return set, nil
}

func checkKeySet(set crontopus.KeySet) error {
	if set.Installation == "" || set.Version.Sequence < 1 || set.Version.Recovery < 0 || len(set.Keys) == 0 || len(set.Keys) > MaxKeys {
		return fmt.Errorf("%w: not a key set", ErrMalformed)
	}
	for _, k := range append([]crontopus.Key{set.RecoveryKey}, set.Keys...) {
		if !IsKey(k) {
			return fmt.Errorf("%w: a key in the set %s is not whole", ErrMalformed, set.Version)
		}
	}
	return nil
}
