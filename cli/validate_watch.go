package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
)

// settle is how long files must be quiet before they are checked again: an editor that
// saves makes several changes.
const settle = 50 * time.Millisecond

// recheck runs the check now and whenever something changes at the paths, until the
// command is interrupted. Problems do not end it; what the check cannot do does.
func recheck(cmd *cobra.Command, paths []string, check func() error) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "files cannot be watched: %w", err).
			WithHint("the system's limit of watches may be reached: see fs.inotify.max_user_instances")
	}
	defer watcher.Close()
	for _, path := range paths {
		root, err := watched(path)
		if err == nil {
			err = watchBelow(watcher, root)
		}
		if errors.Is(err, syscall.ENOSPC) {
			return crontopus.Errorf(crontopus.CodeUnavailable, "%s has more folders than can be watched", path).
				WithHint("name a folder below it, or raise the system's limit: sysctl fs.inotify.max_user_watches")
		}
		if err != nil {
			return cannotRead(path, err)
		}
	}
	for {
		if err := check(); err != nil && !errors.Is(err, errProblems) {
			return err
		}
		cmd.PrintErrln("watching for changes; Ctrl-C ends it")
		if err := awaitChange(cmd, watcher); err != nil {
			return err
		}
	}
}

// watched is the file or folder to watch for an argument: of a pattern, the folder above what
// it leaves open.
func watched(arg string) (string, error) {
	if arg == "-" {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "standard input cannot be watched").WithHint("name files or folders")
	}
	if _, err := os.Stat(arg); errors.Is(err, fs.ErrNotExist) && isPattern(arg) {
		folder, _ := doublestar.SplitPattern(filepath.ToSlash(arg))
		return filepath.FromSlash(folder), nil
	}
	return arg, nil
}

// awaitChange returns when a file has changed and then all were quiet for a moment.
func awaitChange(cmd *cobra.Command, watcher *fsnotify.Watcher) error {
	var quiet <-chan time.Time
	for {
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-quiet:
			return nil
		case err := <-watcher.Errors:
			return crontopus.Errorf(crontopus.CodeUnavailable, "files cannot be watched any longer: %w", err).WithHint("start the command again")
		case event := <-watcher.Events:
			if event.Has(fsnotify.Create) {
				_ = watchBelow(watcher, event.Name) // what is gone again needs no watch
			}
			if !event.Has(fsnotify.Chmod) {
				quiet = time.After(settle)
			}
		}
	}
}

// watchBelow watches a folder and those below it, as far as manifests are read there. Of
// a file it watches the folder, because editors replace files.
func watchBelow(watcher *fsnotify.Watcher, root string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return watcher.Add(filepath.Dir(root))
	}
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case name != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		}
		return watcher.Add(name)
	})
}
