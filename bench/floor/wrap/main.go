// Command wrap is the floor of crontopus-agent exec: it starts the command that it is given,
// keeps the end of its output, and ends with its exit code. It imports the standard library
// only.
package main

import (
	"bytes"
	"os"
	"os/exec"
)

func main() {
	var output bytes.Buffer
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if cmd.Run() != nil {
		os.Exit(1)
	}
}
