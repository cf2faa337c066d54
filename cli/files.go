package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"crontopus.dev/crontopus"
)

// openNamed opens a file that the user names. Who opens a pipe that nobody writes to waits
// for ever, so nothing but a regular file is opened, except what the shell hands over.
func openNamed(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !handedOver(name) {
		what := "a device"
		switch {
		case info.IsDir():
			what = "a folder"
		case info.Mode()&fs.ModeNamedPipe != 0:
			what = "a pipe"
		case info.Mode()&fs.ModeSocket != 0:
			what = "a socket"
		}
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "it is %s and no regular file", what).
			WithHint("name a file, or write - and let it come by standard input")
	}
	return os.Open(name)
}

// handedOver reports whether a name stands for what this program was started with: standard
// input, or what a shell puts in the place of <(COMMAND).
func handedOver(name string) bool {
	name = filepath.Clean(name)
	return name == "/dev/stdin" || strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/self/fd/")
}

func cannotRead(name string, err error) error {
	if hint := crontopus.ErrorHint(err); hint != "" {
		return crontopus.Errorf(crontopus.ErrorCode(err), "%s: %w", name, err).WithHint("%s", hint)
	}
	return crontopus.Errorf(crontopus.CodeInvalid, "%s cannot be read: %w", name, reason(err)).
		WithHint("name files or folders that exist and may be read, or - for standard input")
}

func cannotWrite(name string, err error) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "%s cannot be written: %w", name, reason(err)).
		WithHint("name a folder that you may write to")
}

// reason is what the system says of a path that the message names already.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// under joins a folder, as it was given, and a path below it.
func under(folder, name string) string {
	switch {
	case folder == ".":
		return name
	case strings.HasSuffix(folder, "/"):
		return folder + name
	}
	return folder + "/" + name
}
