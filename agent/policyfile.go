//go:build unix

package agent

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"crontopus.dev/crontopus"
)

// maxPolicy bounds a policy file.
const maxPolicy = 64 << 10

// LoadPolicy reads the host's policy for an agent that runs as uid; without a file, the
// default applies. A file that somebody other than the agent's user or root could have
// written is refused, since it would let him widen what runs: the error says how to mend it.
func LoadPolicy(file string, uid int) (*Policy, error) {
	policy, err := RequirePolicy(file, uid)
	if errors.Is(err, fs.ErrNotExist) {
		return NewPolicy(Rules{}, uid), nil
	}
	return policy, err
}

// RequirePolicy is LoadPolicy where somebody has said that there is a file: then one that is
// missing is no leave to run everything.
func RequirePolicy(file string, uid int) (*Policy, error) {
	data, err := readPolicy(file, uid)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the host's policy is not where the settings say, so no job may run: %w", err).
			WithHint("put it there, or take policyFile out of the settings to do without one")
	}
	if err != nil {
		return nil, err
	}
	rules, err := rulesOf(file, data)
	if err != nil {
		return nil, err
	}
	return NewPolicy(rules, uid), nil
}

// parsed is what a policy file that was read says.
type parsed struct {
	file  string
	data  []byte
	rules Rules
}

// lastParsed spares a process that runs many jobs parsing the same text for each.
var lastParsed atomic.Pointer[parsed]

func rulesOf(file string, data []byte) (Rules, error) {
	if last := lastParsed.Load(); last != nil && last.file == file && bytes.Equal(last.data, data) {
		return last.rules, nil
	}
	rules, err := ParseRules(file, data)
	if err == nil {
		lastParsed.Store(&parsed{file, data, rules})
	}
	return rules, err
}

// readPolicy asks the opened file who owns it, so that nothing can be swapped between
// the question and the reading.
func readPolicy(file string, uid int) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not hang the agent
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the host's policy: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the host's policy: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "the host's policy %s is not a regular file", file)
	}
	if owner := ownerOf(info); owner != uid && owner != 0 {
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the host's policy %s belongs to the user with the id %d, who is neither the agent's user nor root", file, owner).
			WithHint("look at what it says, then run: chown %d %s", uid, file)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the host's policy %s can be written by other users (mode %04o)", file, info.Mode().Perm()).
			WithHint("look at what it says, then run: chmod go-w %s", file)
	}
	folder, err := os.Stat(filepath.Dir(file))
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the host's policy: %w", err)
	}
	if owner := ownerOf(folder); owner != uid && owner != 0 {
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the folder of the host's policy %s belongs to the user with the id %d, who could replace it", file, owner).
			WithHint("run: chown %d %s", uid, filepath.Dir(file))
	}
	if folder.Mode().Perm()&0o022 != 0 { // sticky or not: where there is no policy yet, anybody may put something under its name
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the folder of the host's policy %s can be written by other users (mode %04o), who could put another in its place", file, folder.Mode().Perm()).
			WithHint("look at what the policy says, then run: chmod go-w %s", filepath.Dir(file))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPolicy+1))
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the host's policy: %w", err)
	}
	if len(data) > maxPolicy {
		return nil, crontopus.Errorf(crontopus.CodeTooLarge, "the host's policy %s has more than %d bytes", file, maxPolicy)
	}
	return data, nil
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
