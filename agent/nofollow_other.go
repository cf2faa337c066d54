//go:build unix && !linux

package agent

import "golang.org/x/sys/unix"

// openDir needs the right to list a folder where there is no way to ask for less.
const openDir = unix.O_RDONLY | unix.O_DIRECTORY
