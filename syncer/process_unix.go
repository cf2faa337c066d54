//go:build unix

package syncer

import (
	"os"
	"os/exec"
	"syscall"
)

// confine gives the child a process group of its own, so that a git it started dies with
// it, and a Ctrl-C on our terminal does not reach it before us. Its limits
// are its own to set: see limits.go.
func confine(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			return os.ErrProcessDone
		}
		return nil
	}
}
