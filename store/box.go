package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
)

// boxVersion is the first byte of every blob, so that its form may change one day.
const boxVersion = 1

// Box seals credentials before they are stored: AES-256-GCM, with what the secret
// belongs to as associated data, so that a blob that is moved to another row does not
// open. A blob is version, length of the key's id, the key's id, nonce, ciphertext.
type Box struct {
	keyID string
	aead  cipher.AEAD
}

// NewBox returns a box with one key. The id, up to 255 bytes, is stored with what it seals.
func NewBox(keyID string, key [32]byte) (*Box, error) {
	if keyID == "" || len(keyID) > 255 {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "a secret box's key id has 1 to 255 bytes, not %d", len(keyID))
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Box{keyID, aead}, nil
}

// LoadOrCreateBox reads the key file at path, 64 hex digits, or makes one with mode 0600.
// Whoever loses the file loses the stored credentials, nothing else.
func LoadOrCreateBox(path string) (*Box, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var key [32]byte
		rand.Read(key[:]) // never fails
		data = []byte(hex.EncodeToString(key[:]) + "\n")
		err = atomicfile.Write(path, data, 0o600)
	}
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read or make the secret box's key: %w", err).
			WithHint("make the file's folder writable for this user")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the secret box's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the secret box's key %s may be read by others", path).
			WithHint("chmod 600 %s", path)
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(key) != 32 {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%s is not a secret box's key of 64 hex digits", path).
			WithHint("restore it from a backup; without it the stored credentials cannot be read")
	}
	sum := sha256.Sum256(key)
	return NewBox(hex.EncodeToString(sum[:8]), [32]byte(key))
}

// Seal encrypts plain so that only Open with the same aad reads it.
func (b *Box) Seal(aad, plain []byte) []byte {
	blob := append([]byte{boxVersion, byte(len(b.keyID))}, b.keyID...)
	return b.aead.Seal(blob, nil, plain, aad)
}

// sealed reports whether the blob says that this box has sealed it.
func (b *Box) sealed(blob []byte) bool {
	id := append([]byte{boxVersion, byte(len(b.keyID))}, b.keyID...)
	return bytes.HasPrefix(blob, id)
}

// Open decrypts what Seal made.
func (b *Box) Open(aad, blob []byte) ([]byte, error) {
	sealed := &crontopus.Error{Code: crontopus.CodeInternal, Message: crontopus.ErrDoesNotOpen.Error(), Err: crontopus.ErrDoesNotOpen}
	if len(blob) < 2 || blob[0] != boxVersion || len(blob) < 2+int(blob[1]) {
		return nil, sealed.WithHint("it is not a sealed value; store the credential anew")
	}
	keyID, rest := string(blob[2:2+blob[1]]), blob[2+blob[1]:]
	if keyID != b.keyID {
		return nil, sealed.WithHint("it was sealed with the key %q and the key file holds %q; restore the key file, or store the credential anew", keyID, b.keyID)
	}
	plain, err := b.aead.Open(nil, nil, rest, aad)
	if err != nil {
		return nil, sealed.WithHint("it was changed, or belongs to another row; store the credential anew")
	}
	return plain, nil
}
