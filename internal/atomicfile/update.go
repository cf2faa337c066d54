package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"

	"crontopus.dev/crontopus/internal/failpoint"
	"crontopus.dev/crontopus/internal/filelock"
)

// slot is how much room each of the two versions has in a file that Update writes.
const slot = 512

// MaxUpdate is how much a file that Update writes can hold.
const MaxUpdate = slot - 64

// Update hands a small file's content to change, alone among all who Update it, and writes
// what change returns, unless that is nil. No content is a file that is new, or that nobody
// wrote with Update or Write.
//
// It is for files that are written often: where Write makes a new file, which costs the disk several
// journal entries, Update overwrites the older of two versions in place. A machine that
// loses power in the middle of that still has the newer one.
func Update(name string, change func(content []byte) []byte) (err error) {
	lock, err := filelock.Wait(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	f := lock.File()
	old, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return err
	}
	version, content := newest(old)
	data := change(content)
	if data == nil {
		return nil
	}
	if len(data) > MaxUpdate {
		return fmt.Errorf("%s: %d bytes are more than the %d that fit", name, len(data), MaxUpdate)
	}
	version++
	place := make([]byte, slot)
	copy(place, header(version, data))
	copy(place[len(header(version, data)):], data)
	at := int64(version%2) * slot
	if err := failpoint.Do("file:write", name, func() error { _, err := f.WriteAt(place, at); return err }); err != nil {
		return err
	}
	if err := failpoint.Do("file:fsync", name, func() error { return datasync(f) }); err != nil || len(old) >= 2*slot {
		return err
	}
	return syncDir(filepath.Dir(name)) // it has just been made, or grown
}

// header says which version the data is, and that it is whole.
func header(version uint64, data []byte) string {
	return fmt.Sprintf("%016x %04x %08x\n", version, len(data), checksum(version, data))
}

func checksum(version uint64, data []byte) uint32 {
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %s", version, data))
}

// newest finds the newest whole version in a file. What is not written by Update is version 0.
func newest(file []byte) (version uint64, content []byte) {
	content = bytes.TrimRight(file[:min(slot, len(file))], "\x00")
	for _, place := range [][]byte{file[:min(slot, len(file))], file[min(slot, len(file)):]} {
		var v uint64
		var size int
		var sum uint32
		line, rest, _ := bytes.Cut(place, []byte("\n"))
		n, err := fmt.Sscanf(string(line), "%16x %4x %8x", &v, &size, &sum)
		if err == nil && n == 3 && size <= len(rest) && checksum(v, rest[:size]) == sum && v > version {
			version, content = v, rest[:size]
		}
	}
	return version, content
}
