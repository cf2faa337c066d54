package app

import (
	"errors"
	"os"
	"path/filepath"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/filelock"
)

// Files and folders of a data folder that more than one part knows.
const (
	lockFile       = "lock"
	databaseName   = "crontopus.db"
	keysName       = "keys"
	signingFile    = "signing.pem"  // in keys/
	recoveryFile   = "recovery.pem" // in keys/, until it is moved offline
	recoveryPublic = "recovery.pub" // in keys/
	boxFile        = "box.key"      // in keys/
	nextBoxFile    = "box.next"     // in keys/, while every credential is sealed with it
	replacedPrefix = "replaced-"    // what a restore set aside, with its time
)

// lockData takes a data folder, which it makes if need be, for this process: two servers on
// one SQLite file would each publish and wake only their own agents, and a restore under a server
// would be lost.
func lockData(data string) (*filelock.Lock, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, dataError(data, err)
	}
	lock, err := filelock.TryLock(filepath.Join(data, lockFile))
	if errors.Is(err, filelock.ErrLocked) {
		return nil, crontopus.Errorf(crontopus.CodeConflict, "another server already uses the data folder %s", data).
			WithHint("stop it, or name another folder with --data DIR")
	}
	if err != nil {
		return nil, dataError(data, err)
	}
	return lock, nil
}

// dataError says what to do about a data folder that cannot be used.
func dataError(data string, err error) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "cannot use the data folder %s: %w", data, err).
		WithHint("give this user a folder of its own with --data DIR")
}
