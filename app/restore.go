package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/store"
)

// Restored is what a restore came to.
type Restored struct {
	Backup  *Backup  `json:"backup"`
	Epoch   int64    `json:"epoch"`             // the new one, which agents take over what they have
	Kept    string   `json:"kept,omitempty"`    // the folder with what was replaced
	Missing []string `json:"missing,omitempty"` // files that have to be put in place before the server starts
}

// RestoreBackup puts a backup's database, and its keys if it has them, into a data folder
// that no server uses, and begins a new epoch. A folder with data in it is refused unless
// replace is said; what was there is then kept aside. The database arrives last
// and whole: a restore that broke off is simply done again.
func RestoreBackup(ctx context.Context, data, file string, replace bool, now time.Time, log *slog.Logger) (_ *Restored, err error) {
	lock, err := lockData(data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	stage, err := os.MkdirTemp(data, ".crontopus-restore-*")
	if err != nil {
		return nil, dataError(data, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	b, err := unpackChecked(ctx, file, stage)
	if err != nil {
		return nil, err
	}
	out := &Restored{Backup: b}
	occupied, err := occupants(data, b)
	if err != nil {
		return nil, err
	}
	if len(occupied) > 0 && !replace {
		return nil, crontopus.Errorf(crontopus.CodeConflict, "the data folder %s is not empty: it holds %s", data, occupied[0]).
			WithHint("restore into a new folder with --data DIR, or say --replace: what is there is kept aside")
	}
	if err := openOnce(ctx, store.Options{Path: filepath.Join(stage, databaseName)}, log, func(s epochStore) error {
		i, err := s.SystemRaiseEpoch(ctx, now)
		out.Epoch = i.Epoch
		return err
	}); err != nil {
		return nil, err
	}
	if out.Kept, err = setAside(data, occupied, b, now); err != nil {
		return nil, dataError(data, err)
	}
	if err := os.MkdirAll(filepath.Join(data, keysName), 0o700); err != nil {
		return nil, dataError(data, err)
	}
	for i := len(b.Files) - 1; i >= 0; i-- { // the database is the first
		name := filepath.FromSlash(b.Files[i].Name)
		if err := atomicfile.Move(filepath.Join(stage, name), filepath.Join(data, name)); err != nil {
			return nil, dataError(data, err)
		}
	}
	for _, name := range missingKeys(data, signingFile, statementsFile, boxFile, recoveryPublic) {
		out.Missing = append(out.Missing, filepath.Join(data, keysName, name))
	}
	return out, nil
}

// occupants lists what is in a data folder besides the lock and what a restore may find
// there: keys, which are best kept in another place than the database, unless the backup brings its own.
func occupants(data string, b *Backup) ([]string, error) {
	entries, err := os.ReadDir(data)
	if err != nil {
		return nil, dataError(data, err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if name == lockFile || name[0] == '.' || name == keysName && !b.HasKeys() {
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// setAside moves the database, with its log, and keys that a restore replaces into a
// folder of their own.
func setAside(data string, occupied []string, b *Backup, now time.Time) (string, error) {
	var names []string
	for _, name := range occupied {
		if strings.HasPrefix(name, databaseName) || name == keysName && b.HasKeys() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "", nil
	}
	kept := filepath.Join(data, replacedPrefix+now.UTC().Format("20060102T150405.000Z"))
	if err := os.Mkdir(kept, 0o700); err != nil {
		return "", err
	}
	for _, name := range names {
		if err := atomicfile.Move(filepath.Join(data, name), filepath.Join(kept, name)); err != nil {
			return "", err
		}
	}
	return kept, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
