package app

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/store"
)

// Names in a backup's archive, which is a tar file: its description first, then what is
// described, in that order.
const (
	backupFormat      = 1
	backupDescription = "backup.json"
	maxDescription    = 1 << 20
)

// Backup describes a backup.
type Backup struct {
	Format    int          `json:"format"`
	CreatedAt time.Time    `json:"createdAt"`
	Version   string       `json:"version"` // of the program that made it
	Database  store.Census `json:"database"`
	Files     []BackupFile `json:"files"`
}

// BackupFile is one file of a backup: the database or, in keys/, a key.
type BackupFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// HasKeys reports whether the backup holds the server's keys.
func (b *Backup) HasKeys() bool { return len(b.Files) > 1 }

// measure describes the file at source, which goes into an archive as name.
func measure(source, name string) (BackupFile, error) {
	f, err := os.Open(source)
	if err != nil {
		return BackupFile{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return BackupFile{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// pack writes the archive of b to w; sources are where b's files are.
func pack(w io.Writer, b Backup, sources []string) error {
	description, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	add := func(name string, size int64, from io.Reader) error {
		err := t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: b.CreatedAt, Format: tar.FormatPAX})
		if err == nil {
			_, err = io.Copy(t, from)
		}
		return err
	}
	if err := add(backupDescription, int64(len(description)), bytes.NewReader(description)); err != nil {
		return err
	}
	for i, file := range b.Files {
		f, err := os.Open(sources[i])
		if err != nil {
			return err
		}
		if err := errors.Join(add(file.Name, file.Size, f), f.Close()); err != nil {
			return err
		}
	}
	return t.Close()
}

// unpack writes an archive's files into dir, each with mode 0600, and checks that they
// are the ones described. It trusts nothing that it reads.
func unpack(r io.Reader, dir string) (*Backup, error) {
	t := tar.NewReader(r)
	header, err := t.Next()
	if err != nil || header.Name != backupDescription || header.Size > maxDescription {
		return nil, notABackup("it does not begin with " + backupDescription)
	}
	var b Backup
	if err := json.NewDecoder(t).Decode(&b); err != nil {
		return nil, notABackup(err.Error())
	}
	if b.Format != backupFormat {
		return nil, crontopus.Errorf(crontopus.CodeUnsupported, "the backup has format %d, and this version (it was made by %s) knows %d", b.Format, b.Version, backupFormat).
			WithHint("use the version that made it")
	}
	if len(b.Files) == 0 || b.Files[0].Name != databaseName {
		return nil, notABackup("no database is in it")
	}
	for _, want := range b.Files {
		if want.Name != databaseName && !isKeyName(want.Name) {
			return nil, notABackup("a file in it is called " + want.Name)
		}
		header, err := t.Next()
		if err != nil || header.Name != want.Name || header.Typeflag != tar.TypeReg {
			return nil, notABackup(want.Name + " is not where it should be")
		}
		if err := unpackFile(t, filepath.Join(dir, filepath.FromSlash(want.Name)), want); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

// isKeyName reports whether a name in an archive is that of a file in keys/, and of no
// place elsewhere.
func isKeyName(name string) bool {
	base, ok := strings.CutPrefix(name, keysName+"/")
	return ok && base != "" && base != "." && base != ".." && base == path.Base(base) && !strings.ContainsAny(base, "\\\x00")
}

func unpackFile(r io.Reader, to string, want BackupFile) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if exists(to) {
		return notABackup(want.Name + " is in it twice")
	}
	sum, size := sha256.New(), int64(0)
	err := atomicfile.Create(to, 0o600, func(w io.Writer) (err error) {
		size, err = io.Copy(io.MultiWriter(w, sum), r)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = notABackup("it is cut off within " + want.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if size != want.Size || hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return notABackup(want.Name + " is not the one that was saved")
	}
	return nil
}

func notABackup(why string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "not a whole backup: %s", why).
		WithHint("use another one; `crontopus backup verify FILE` checks without restoring")
}
