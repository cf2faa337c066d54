package crontopus

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// KeySetPayloadType is the DSSE payload type of a KeySet.
const KeySetPayloadType = "application/vnd.crontopus.keyset+json"

// Key is a public ed25519 key. Its ID is the fingerprint: SHA-256 of the 32 bytes, hex.
type Key struct {
	ID     string `json:"id"`
	Public []byte `json:"public"`
}

// KeySet says which keys sign an installation's bundles. It travels as the payload of a
// signed envelope, a statement: one that follows another is signed by a key of the one before, or by
// the recovery key.
type KeySet struct {
	Installation string        `json:"installation"` // its id
	Version      KeySetVersion `json:"version"`
	Issued       time.Time     `json:"issued"`
	Keys         []Key         `json:"keys"` // the first one signs, the others still verify
	RecoveryKey  Key           `json:"recoveryKey"`
}

// KeySetVersion orders an installation's key sets. Recovery is the time, in Unix seconds, at which the
// recovery key last replaced all keys, and 0 before; Sequence grows by one with each
// set after that. So nothing that a stolen key signed outranks a recovery.
type KeySetVersion struct {
	Recovery int64 `json:"recovery"`
	Sequence int64 `json:"sequence"`
}

// Compare orders versions.
func (v KeySetVersion) Compare(o KeySetVersion) int {
	return cmp.Or(cmp.Compare(v.Recovery, o.Recovery), cmp.Compare(v.Sequence, o.Sequence))
}

// String returns "recovery.sequence", such as "0.2".
func (v KeySetVersion) String() string { return fmt.Sprintf("%d.%d", v.Recovery, v.Sequence) }

// ParseKeySetVersion reads what String writes.
func ParseKeySetVersion(s string) (KeySetVersion, error) {
	recovery, sequence, _ := strings.Cut(s, ".")
	r, err1 := strconv.ParseInt(recovery, 10, 64)
	n, err2 := strconv.ParseInt(sequence, 10, 64)
	if err1 != nil || err2 != nil || r < 0 || n < 0 {
		return KeySetVersion{}, Errorf(CodeInvalid, "%q is not the version of a key set; it looks like 0.2", s)
	}
	return KeySetVersion{r, n}, nil
}
