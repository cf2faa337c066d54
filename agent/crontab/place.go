package crontab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
)

// file is a crontab in a file that the agent writes itself.
type file struct {
	path   string
	system bool // under /etc/cron.d: mode 0644, and gone rather than empty
}

func (f file) String() string { return f.path }

func (f file) read(context.Context) ([]byte, error) {
	data, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the crontab: %w", err).
			WithHint("run the agent as a user who may read %s", f.path)
	}
	return data, nil
}

func (f file) write(_ context.Context, data []byte) error {
	path, mode := f.path, fs.FileMode(0o600) // what cron asks of a user's crontab
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if f.system {
		mode = 0o644
	} else if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	atomicfile.Sweep(filepath.Dir(path))
	var err error
	if f.system && len(data) == 0 {
		err = os.Remove(path)
	} else {
		err = atomicfile.Write(path, data, mode)
	}
	if err != nil {
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot write the crontab: %w", err).
			WithHint("run the agent as a user who may write to %s", filepath.Dir(path))
	}
	return nil
}

// program is the user's own crontab, which only crontab(1) may touch.
type program struct {
	name    string
	scratch string // a folder that the agent may write in; "" is the system's
}

func (p program) String() string { return "the user's crontab" }

func (p program) read(ctx context.Context) ([]byte, error) {
	out, complaint, err := p.run(ctx, nil, "-l")
	if err != nil && strings.Contains(complaint, "no crontab for") {
		return nil, nil
	}
	return out, p.explain(err, complaint, "read")
}

func (p program) write(ctx context.Context, data []byte) error {
	arg := "-"
	if len(data) == 0 {
		arg = "-r"
	}
	_, complaint, err := p.run(ctx, data, arg)
	return p.explain(err, complaint, "write")
}

// run starts crontab(1) with an environment in which it speaks English and leaves out
// the header that Debian puts into the stored file.
func (p program) run(ctx context.Context, in []byte, arg string) (out []byte, complaint string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.name, arg)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "CRONTAB_NOHEADER=Y")
	if len(in) > 0 {
		stdin, err := whole(p.scratch, in)
		if err != nil {
			return nil, "", err
		}
		defer stdin.Close()
		cmd.Stdin = stdin
	}
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.Bytes(), strings.TrimSpace(stderr.String()), err
}

// whole hands over a table as a file without a name. Through a pipe, which ends when this process does,
// crontab(1) would take what had come by then for all of it.
func whole(dir string, table []byte) (f *os.File, err error) {
	f, err = os.CreateTemp(dir, ".crontopus-*")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(f.Name()); err == nil {
		_, err = f.Write(table)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
	}
	return f, err
}

func (p program) explain(err error, complaint, verb string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return crontopus.Errorf(crontopus.CodeUnavailable, "cannot %s the user's crontab: there is no crontab(1) here", verb).
			WithHint("install cron, or choose the builtin scheduler")
	case complaint != "":
		err = errors.New(complaint)
	}
	return crontopus.Errorf(crontopus.CodeUnavailable, "cannot %s the user's crontab: %w", verb, err).
		WithHint("see that this user may use crontab(1): /etc/cron.allow, /etc/cron.deny")
}
