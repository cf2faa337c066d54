package api

import (
	"strings"
	"unicode"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// body is an answer that is only a body.
type body[T any] struct{ Body T }

func answer[T any](value T) *body[T] { return &body[T]{value} }

// listOf is a page of a list; an empty one is [], never null.
func listOf[T any](items []T, next string) *body[wire.List[T]] {
	return answer(wire.List[T]{Items: orEmpty(items), Next: next})
}

func orEmpty[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func orEmptyMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

// PageIn is which part of a list is asked for. It and the two below are exported because
// huma does not look into embedded structs that are not. It is exported because huma passes over what
// an unexported struct that is embedded brings.
type PageIn struct {
	After string `query:"after" maxLength:"1024" doc:"The cursor of the page before: its next"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items at most"`
}

func (p PageIn) page() crontopus.Page { return crontopus.Page{After: p.After, Limit: p.Limit} }

// NameIn names a thing in the path; exported as PageIn is.
type NameIn struct {
	Name string `path:"name"`
}

// JobIn names a job in the path.
type JobIn struct {
	Namespace string `path:"namespace"`
	Job       string `path:"name"`
}

// name returns the job's name. What cannot be a name is not there, which is all that a
// caller learns of any job that it may not see.
func (in JobIn) name() (crontopus.JobName, error) {
	name := crontopus.JobName{Namespace: in.Namespace, Name: in.Job}
	if !crontopus.ValidName(name.Namespace) || !crontopus.ValidName(name.Name) {
		return name, crontopus.Errorf(crontopus.CodeNotFound, "there is no job %s", name)
	}
	return name, nil
}

// checkText refuses what breaks a log, a page or a database: text that is too long, not
// UTF-8, or has control characters.
func checkText(what, s string, most int) error {
	switch {
	case len(s) > most:
		return invalid("%s is longer than %d bytes", what, most)
	case strings.ToValidUTF8(s, "") != s || strings.IndexFunc(s, unicode.IsControl) >= 0:
		return invalid("%s has characters that are not text", what)
	}
	return nil
}

// checkPairs refuses label and fact maps that are too large or not text.
func checkPairs(what string, pairs map[string]string) error {
	const mostPairs, mostKey, mostValue = 64, 128, 256
	if len(pairs) > mostPairs {
		return invalid("there are more than %d %ss", mostPairs, what)
	}
	for key, value := range pairs {
		if key == "" {
			return invalid("a %s has no name", what)
		}
		if err := checkText("the name of a "+what, key, mostKey); err != nil {
			return err
		}
		if err := checkText("the value of the "+what+" "+key, value, mostValue); err != nil {
			return err
		}
	}
	return nil
}
