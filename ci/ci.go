// Package ci holds what a repository of manifests begins with: a pipeline for each CI, the
// hooks that check before a commit, and a first job. They are files to copy, embedded so
// that crontopus init writes the very same ones. It imports nothing of ours.
package ci

import (
	"embed"
	"io/fs"
)

//go:embed *.yml all:starter
var files embed.FS

// File is one file of a repository.
type File struct {
	Path string // slash-separated, from the repository's root
	Text []byte
}

// pipelines are where each CI looks for its pipeline.
var pipelines = map[string]string{
	"forgejo":    ".forgejo/workflows/crontopus.yml",
	"github":     ".github/workflows/crontopus.yml",
	"gitlab":     ".gitlab-ci.yml",
	"woodpecker": ".woodpecker/crontopus.yml",
}

// Systems lists the CIs that there is a pipeline for, the default first.
func Systems() []string { return []string{"forgejo", "github", "gitlab", "woodpecker"} }

// Pipeline returns the pipeline of one of Systems.
func Pipeline(system string) (File, error) {
	text, err := files.ReadFile(system + ".yml")
	return File{pipelines[system], text}, err
}

// Starter returns the other files of a new repository, in order.
func Starter() ([]File, error) {
	starter, err := fs.Sub(files, "starter")
	if err != nil {
		return nil, err
	}
	var list []File
	err = fs.WalkDir(starter, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(starter, name)
		list = append(list, File{name, text})
		return err
	})
	return list, err
}
