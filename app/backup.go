package app

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/store"
)

// CreateBackup writes the SQLite database of a data folder into one file, as it is at one
// moment, while a server may be using it; withKeys adds the server's keys. The copy is
// checked before it counts, and a file that is there already is never replaced.
func CreateBackup(ctx context.Context, data, file string, withKeys bool, version string, now time.Time) (_ *Backup, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		return nil, crontopus.Errorf(crontopus.CodeConflict, "there is a file %s already", file).WithHint("choose another name; nothing was changed")
	}
	from := filepath.Join(data, databaseName)
	switch _, err := os.Stat(from); {
	case errors.Is(err, os.ErrNotExist):
		return nil, crontopus.Errorf(crontopus.CodeNotFound, "there is no %s in %s", databaseName, data).
			WithHint("name the server's data folder with --data DIR; a PostgreSQL database is saved with pg_dump (docs/operations.md)")
	case err != nil:
		return nil, backupError(err)
	}
	stage, err := os.MkdirTemp(filepath.Dir(file), ".crontopus-backup-*")
	if err != nil {
		return nil, backupError(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	database := filepath.Join(stage, databaseName)
	if err := os.WriteFile(database, nil, 0o600); err != nil {
		return nil, backupError(err)
	}
	if err := store.Snapshot(ctx, from, database); err != nil {
		return nil, err
	}
	b := &Backup{Format: backupFormat, CreatedAt: now.UTC().Truncate(time.Second), Version: version}
	if b.Database, err = store.Examine(ctx, database); err != nil {
		return nil, err
	}
	names, sources := []string{databaseName}, []string{database}
	if withKeys {
		keys, err := keyFiles(data)
		if err != nil {
			return nil, err
		}
		for _, name := range keys {
			names, sources = append(names, keysName+"/"+name), append(sources, filepath.Join(data, keysName, name))
		}
	}
	for i, name := range names {
		described, err := measure(sources[i], name)
		if err != nil {
			return nil, backupError(err)
		}
		b.Files = append(b.Files, described)
	}
	return b, writeArchive(file, *b, sources)
}

// keyFiles lists what of keys/ belongs into a backup: everything but the recovery key,
// which is kept offline so that whoever steals a backup cannot replace the agents' keys.
func keyFiles(data string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(data, keysName))
	if err != nil {
		return nil, backupError(err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != recoveryFile && isKeyName(keysName+"/"+e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func writeArchive(file string, b Backup, sources []string) error {
	if err := atomicfile.Create(file, 0o600, func(w io.Writer) error { return pack(w, b, sources) }); err != nil {
		return backupError(err)
	}
	return nil
}

// VerifyBackup reads a backup to its end and checks all that a restore relies on: every
// file is the one that was saved, the database is whole, of a version that this program
// knows, and holds what it held.
func VerifyBackup(ctx context.Context, file string) (_ *Backup, err error) {
	stage, err := os.MkdirTemp("", "crontopus-verify-*")
	if err != nil {
		return nil, backupError(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	return unpackChecked(ctx, file, stage)
}

// unpackChecked unpacks a backup into an empty folder, verified.
func unpackChecked(ctx context.Context, file, dir string) (*Backup, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeNotFound, "cannot read the backup: %w", err)
	}
	defer f.Close()
	b, err := unpack(f, dir)
	if err != nil {
		return nil, err
	}
	census, err := store.Examine(ctx, filepath.Join(dir, databaseName))
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(census, b.Database) {
		return nil, notABackup("the database does not hold what its description says")
	}
	return b, nil
}

func backupError(err error) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "cannot make or check the backup: %w", err).
		WithHint("run as the server's user; the folders of the backup and of the data must be there, with room for a copy of the database")
}
