package demo

import "syscall"

// childAttr puts a program into a process group of its own and lets it end with the
// demo, even if that is killed.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
