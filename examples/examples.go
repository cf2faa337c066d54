// Package examples holds manifest repositories to learn from and to copy. They are
// embedded, so that the demo needs no files beside the program, and a test loads every
// one of them. It imports the root.
package examples

import (
	"embed"
	"io/fs"

	"crontopus.dev/crontopus"
)

//go:embed quickstart
var files embed.FS

// Quickstart returns a small repository of jobs that run on any Debian host; the demo
// begins with it.
func Quickstart() fs.FS {
	sub, err := fs.Sub(files, "quickstart")
	if err != nil {
		panic(err) // the name is a constant that go:embed has checked
	}
	return sub
}

// QuickstartHello is Quickstart's job for every minute. The demo changes what it says.
var QuickstartHello = crontopus.JobName{Namespace: crontopus.DefaultNamespace, Name: "hello"}

// Where Quickstart says hello: the file, and the words in it that the job prints.
const (
	QuickstartHelloFile = "jobs/hello.yaml"
	QuickstartGreeting  = "hello from Crontopus"
)
