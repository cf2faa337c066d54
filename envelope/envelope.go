// Package envelope signs and verifies what travels from the server to the hosts: DSSE
// envelopes (https://github.com/secure-systems-lab/dsse) with ed25519 signatures.
//
// The signature covers the payload's bytes and its type, and nothing else decides: a
// caller gets the payload only after a key that it named has signed it, and parses those
// very bytes. The package knows nothing of bundles; the syncer signs with it, the agent
// verifies with it. It imports the root package and the standard library only.
package envelope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
)

// Limits of an envelope that Verify reads: what is larger was not made by Sign.
const (
	MaxSize       = 32 << 20 // bytes of the JSON form
	MaxSignatures = 8        // a key rotation needs two
)

// ErrTooLarge is wrapped by the error of Sign for a payload that no verifier would read.
var ErrTooLarge = errors.New("the envelope is too large")

// Errors of Verify; the ones returned wrap one of them and say more.
var (
	ErrMalformed = errors.New("not a signed envelope")
	ErrUntrusted = errors.New("no trusted key signed the envelope")
	ErrWrongType = errors.New("the envelope holds another type of payload")
)

// envelope is the JSON form that the specification recommends.
type envelope struct {
	Payload     string      `json:"payload"` // base64
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid,omitempty"` // a hint which key to try, never more
	Sig   string `json:"sig"`             // base64
}

// KeyID returns the fingerprint of a public key: the SHA-256 of its 32 bytes, in hex.
func KeyID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:])
}

// PAE returns the pre-authentication encoding: the bytes that are signed. Lengths stand
// before type and payload, so that no two pairs share an encoding.
func PAE(payloadType string, payload []byte) []byte {
	return append(header(payloadType, len(payload), len(payload)), payload...)
}

// header is what stands before a payload of the size, with room for it.
func header(payloadType string, size, room int) []byte {
	pae := make([]byte, 0, len("DSSEv1    ")+2*20+len(payloadType)+room)
	pae = append(pae, "DSSEv1 "...)
	pae = strconv.AppendInt(pae, int64(len(payloadType)), 10)
	pae = append(pae, ' ')
	pae = append(pae, payloadType...)
	pae = append(pae, ' ')
	pae = strconv.AppendInt(pae, int64(size), 10)
	return append(pae, ' ')
}

// Sign returns the JSON form of an envelope around payload, signed by each of keys. The
// same arguments give the same bytes.
func Sign(payloadType string, payload []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	e := envelope{Payload: base64.StdEncoding.EncodeToString(payload), PayloadType: payloadType}
	for _, key := range keys {
		pub, ok := key.Public().(ed25519.PublicKey)
		if !ok || len(key) != ed25519.PrivateKeySize {
			return nil, errors.New("envelope: the signing key is not a whole ed25519 key")
		}
		e.Signatures = append(e.Signatures, signature{
			KeyID: KeyID(pub),
			Sig:   base64.StdEncoding.EncodeToString(ed25519.Sign(key, PAE(payloadType, payload))),
		})
	}
	if n := len(e.Signatures); n == 0 || n > MaxSignatures {
		return nil, fmt.Errorf("envelope: %d keys cannot sign; 1 to %d do", n, MaxSignatures)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes signed are more than the %d that a verifier reads", ErrTooLarge, len(raw), MaxSize)
	}
	return raw, nil
}

// NamesSigner reports whether the envelope in raw says that the key with the id signed
// it. It proves nothing; it tells a bundle that has to be signed afresh after a rotation.
func NamesSigner(raw []byte, keyID string) bool {
	return bytes.Contains(raw, []byte(`"keyid":"`+keyID+`"`)) // quotes are in no base64
}

// Verify returns the payload of the envelope in raw and the id of the key that signed
// it, one of keys (by KeyID). One good signature is enough; ones by strangers or with
// errors beside it do not matter. The error wraps ErrMalformed, ErrUntrusted or, for an
// envelope that is signed well but holds another type, ErrWrongType.
func Verify(raw []byte, payloadType string, keys map[string]ed25519.PublicKey) (payload []byte, keyID string, err error) {
	e, err := parse(raw)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	message, payload, err := e.message()
	if err != nil {
		return nil, "", fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	for _, s := range e.signatures {
		keyID, ok := s.signer(message, keys)
		switch {
		case ok && e.payloadType != payloadType:
			return nil, "", fmt.Errorf("%w: %q, not %q", ErrWrongType, e.payloadType, payloadType)
		case ok:
			return payload, keyID, nil
		}
	}
	return nil, "", ErrUntrusted
}

// signer returns which of keys made the signature. A key id narrows the search to that
// key; without one, each is tried.
func (s signature) signer(message []byte, keys map[string]ed25519.PublicKey) (keyID string, ok bool) {
	sig, err := decodeBase64(s.Sig)
	if err != nil || len(sig) != ed25519.SignatureSize {
		return "", false
	}
	if s.KeyID != "" {
		return s.KeyID, verifies(keys[s.KeyID], message, sig)
	}
	for id := range maps.Keys(keys) {
		if verifies(keys[id], message, sig) {
			return id, true
		}
	}
	return "", false
}

// verifies is ed25519.Verify for a key that may be missing or short.
func verifies(pub ed25519.PublicKey, message, sig []byte) bool {
	return len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, message, sig)
}
