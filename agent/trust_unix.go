//go:build unix

package agent

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"crontopus.dev/crontopus"
)

// trusted refuses a folder in which somebody else could exchange files: whoever replaces the
// pinned keys says what runs here.
func (s State) trusted() error {
	info, err := os.Stat(s.Dir)
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "cannot examine the state folder: %w", err)
	}
	own := os.Geteuid()
	writable := fs.FileMode(0o002)
	if own == 0 {
		writable = 0o022 // a container's volume may well be its group's, but root shares with nobody
	}
	switch owner := ownerOf(info); {
	case owner != own && owner != 0:
		return crontopus.Errorf(crontopus.CodeForbidden, "the state folder %s belongs to the user with the id %d, who is neither the agent's user nor root", s.Dir, owner).
			WithHint("run as that user, or choose a folder of this agent's own with --state-dir")
	case info.Mode().Perm()&writable != 0:
		return crontopus.Errorf(crontopus.CodeForbidden, "the state folder %s can be written by other users (mode %04o)", s.Dir, info.Mode().Perm()).
			WithHint("see that nobody has put files there, then run: chmod go-w %s", s.Dir)
	}
	return nil
}

// holds reports whether a file lies in the folder, whatever links lead to the folder.
func (s State) holds(file string) bool {
	dirs := []string{filepath.Clean(s.Dir)}
	if real, err := filepath.EvalSymlinks(s.Dir); err == nil {
		dirs = append(dirs, real)
	}
	for _, dir := range dirs {
		if strings.HasPrefix(filepath.Clean(file), strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

// keptBy refuses a file that somebody beside a user may have put where it is: the file and the
// folders above it, up to top, must be that user's, and nobody else may write to them.
func keptBy(uid int, top, file string) error {
	for path := filepath.Clean(file); strings.HasPrefix(path+"/", top+"/"); path = filepath.Dir(path) {
		info, err := os.Lstat(path)
		switch {
		case err != nil:
			return crontopus.Errorf(crontopus.CodeUnavailable, "cannot examine it: %w", err)
		case ownerOf(info) != uid:
			return crontopus.Errorf(crontopus.CodeForbidden, "%s belongs to the user with the id %d, not %d", path, ownerOf(info), uid).
				WithHint("see what is in there, then run: chown %d %s; or list the secret's folder under secretPaths in the host's policy", uid, path)
		case info.Mode().Perm()&0o022 != 0:
			return crontopus.Errorf(crontopus.CodeForbidden, "%s can be written by other users (mode %04o)", path, info.Mode().Perm()).
				WithHint("see what is in there, then run: chmod go-w %s", path)
		}
	}
	return nil
}
