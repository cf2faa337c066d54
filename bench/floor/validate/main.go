// Command validate is the floor of checking manifests: it reads every file below a folder on
// two workers and, if told to, makes tokens of them or parses them, with the library that the
// product has for it. Nothing is decoded, nothing checked, nothing kept.
//
//	validate read|tokenize|parse|nothing DIR
//
// It imports the YAML library only.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// workers is as many as the peer is told to have.
const workers = 2

// stages are what is done with each file's text.
var stages = map[string]func(data []byte) error{
	"nothing":  nil,
	"read":     func([]byte) error { return nil },
	"tokenize": func(data []byte) error { lexer.Tokenize(string(data)); return nil },
	"parse":    func(data []byte) error { _, err := parser.ParseBytes(data, 0); return err },
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: validate read|tokenize|parse|nothing DIR")
	}
	stage, known := stages[args[0]]
	if !known || stage == nil {
		return nil // an empty program
	}
	var files []string
	err := filepath.WalkDir(args[1], func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(files) && errs[w] == nil; i += workers {
				data, err := os.ReadFile(files[i])
				if err == nil {
					err = stage(data)
				}
				errs[w] = err
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
