// Package keyfile keeps an ed25519 private key in a file: PKCS#8 in PEM, readable by its
// owner only. The server signs bundles with one, each agent proves itself with another.
// Every package may import it.
package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
)

const pemType = "PRIVATE KEY"

// maxSize bounds what is read: a key takes some 120 bytes.
const maxSize = 16 << 10

// LoadOrCreate returns the key in the file at path, and makes one if there is no file. A
// file that is there but holds no such key is never replaced. Callers that may start
// at the same moment hold a lock of the folder.
func LoadOrCreate(path string) (ed25519.PrivateKey, error) {
	key, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	return key, err
}

// Load returns the key in the file at path. The error wraps fs.ErrNotExist if there is
// no file.
func Load(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "the key %s can be read by other users (mode %04o)", path, info.Mode().Perm()).
			WithHint("run: chmod 600 %s", path)
	}
	notAKey := crontopus.Errorf(crontopus.CodeInvalid, "%s is not an ed25519 key in PEM (PKCS#8)", path).
		WithHint("restore the file from a backup; a new key is made only where no file is")
	if info.Size() > maxSize {
		return nil, notAKey
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType {
		return nil, notAKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, notAKey
	}
	return key, nil
}

func create(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInternal, "cannot make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInternal, "cannot encode a key: %w", err)
	}
	if err := atomicfile.Write(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), 0o600); err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot write the key: %w", err).
			WithHint("check that the folder exists and can be written")
	}
	return key, nil
}
