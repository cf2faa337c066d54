package agent

import "golang.org/x/sys/unix"

// openDir asks for no more than the right to pass through a folder.
const openDir = unix.O_PATH | unix.O_DIRECTORY
