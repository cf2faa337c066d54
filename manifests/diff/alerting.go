package diff

import (
	"cmp"
	"slices"

	"crontopus.dev/crontopus"
)

// AlertingChange is a policy, a channel or a window that is not as before.
type AlertingChange struct {
	Kind   Kind              `json:"change"`
	What   string            `json:"kind"` // of manifest
	Name   crontopus.JobName `json:"name"`
	File   string            `json:"file"` // where it stands; for one that goes, where it stood
	Line   int               `json:"line"`
	Fields []Field           `json:"fields"`
}

// Alerting compares what two states of the manifests say of alerting, each with every policy,
// channel and window once. The changes are ordered as those of jobs are, those of one kind of
// manifest together.
func Alerting(before, after []crontopus.DesiredAlerting) []AlertingChange {
	type identity struct {
		what string
		name crontopus.JobName
	}
	id := func(d *crontopus.DesiredAlerting) identity { return identity{d.Kind(), d.Name()} }
	was := make(map[identity]*crontopus.DesiredAlerting, len(before))
	for i := range before {
		was[id(&before[i])] = &before[i]
	}
	changes := []AlertingChange{}
	add := func(kind Kind, at *crontopus.DesiredAlerting, fields []Field) {
		if len(fields) > 0 {
			changes = append(changes, AlertingChange{kind, at.Kind(), at.Name(), at.Path, at.Line, fields})
		}
	}
	for i := range after {
		is := &after[i]
		if old := was[id(is)]; old != nil {
			add(Changed, is, fields(&old.AlertingManifest, &is.AlertingManifest))
			delete(was, id(is))
			continue
		}
		add(Added, is, fields(nil, &is.AlertingManifest))
	}
	for _, old := range was {
		add(Removed, old, fields(&old.AlertingManifest, nil))
	}
	slices.SortFunc(changes, func(a, b AlertingChange) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.What, b.What), a.Name.Compare(b.Name))
	})
	return changes
}
