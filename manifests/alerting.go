package manifests

import (
	"fmt"
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
	"crontopus.dev/crontopus/schema"
)

// Alerting is one manifest that says who is told when something goes wrong, with its defaults
// set, and where it stands.
type Alerting struct {
	crontopus.AlertingManifest

	Path string

	// Line and Column say where its name stands.
	Line, Column int

	places  map[string]place // of every field and item, by JSON pointer
	allowed []allowance
}

// At returns where a field stands, or what it would stand in.
func (a *Alerting) At(pointer string) Place {
	for ; pointer != ""; pointer = pointer[:strings.LastIndexByte(pointer, '/')] {
		if at, said := a.places[pointer]; said {
			return Place{a.Path, at.line, at.column}
		}
	}
	return Place{a.Path, a.Line, a.Column}
}

// Allows reports whether a comment in the manifest permits what a rule finds at a place.
func (a *Alerting) Allows(rule string, at Place) bool {
	return slices.ContainsFunc(a.allowed, func(one allowance) bool { return one.permits(rule, at.Line, at.File == a.Path) })
}

// readAlerting checks a document of one of alerting's kinds and keeps it if it is right.
func (d *document) readAlerting() {
	before := len(d.problems)
	if d.placeholders {
		d.eachPlaceholder(d.root, nil, func(at []string, name string) {
			d.addPointer(at, false, CodeMatrix, fmt.Sprintf("%s stands for nothing: only a job has a matrix", placeholder(name)), "write the value itself")
		})
	}
	for _, v := range schema.Validate(d.root) {
		if d.full() {
			break
		}
		d.addViolation(v)
	}
	said, _ := crontopus.NewAlertingManifest(text(d.root, "kind"))
	switch {
	case said.Policy != nil:
		*said.Policy = policyOf(d.root)
		said.SetDefaults()
		d.checkPolicy(said.Policy)
	case said.Channel != nil:
		*said.Channel = channelOf(d.root)
		said.SetDefaults()
		d.checkChannel(said.Channel)
	default:
		*said.Window = windowOf(d.root)
		said.SetDefaults()
		d.checkWindow(said.Window)
	}
	d.checkMetadata(said.Metadata())
	if len(d.problems) > before {
		return
	}
	line, column := d.position(find(d.body, []string{"metadata", "name"}, false))
	read := Alerting{AlertingManifest: said, Path: d.file, Line: line, Column: column,
		places: map[string]place{}, allowed: slices.Concat(d.allowed, d.allowances())}
	d.eachPlace(d.body, nil, func(pointer string, at place) { read.places[pointer] = at })
	d.alerting = append(d.alerting, read)
}

// CheckAlerting finds what is wrong between manifests of alerting that are right by themselves:
// two of one kind that have one name. Each of the two is told where the other is.
func CheckAlerting(all []Alerting) []crontopus.Problem {
	type identity struct {
		kind string
		name crontopus.JobName
	}
	first := map[identity]*Alerting{}
	var problems []crontopus.Problem
	for i := range all {
		one := &all[i]
		id := identity{one.Kind(), one.Name()}
		other, taken := first[id]
		if !taken {
			first[id] = one
			continue
		}
		problems = append(problems, sameName(other, one), sameName(one, other))
	}
	Sort(problems)
	return slices.CompactFunc(problems, func(a, b crontopus.Problem) bool {
		return a.File == b.File && a.Line == b.Line // the first of three is told of the second only
	})
}

func sameName(one, other *Alerting) crontopus.Problem {
	return crontopus.Problem{
		File: one.Path, Line: one.Line, Column: one.Column, Path: "/metadata/name", Code: CodeDuplicateName,
		Message: fmt.Sprintf("the %s %s is also in %s:%d", one.Kind(), one.Name(), other.Path, other.Line),
		Hint:    "rename one of the two, or give it another namespace",
	}
}
