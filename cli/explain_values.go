package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schema"
)

// valuesOf lists every value that is in effect for a job, sorted by field, and where each
// was said.
func valuesOf(doc *manifests.Document) []explainedValue {
	data, err := json.Marshal(doc.Job)
	if err != nil {
		return nil // a job always marshals
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var whole map[string]any
	if err := decoder.Decode(&whole); err != nil {
		return nil
	}
	delete(whole, "apiVersion")
	delete(whole, "kind")
	values := []explainedValue{}
	var walk func(value any, at []string)
	walk = func(value any, at []string) {
		if object, isObject := value.(map[string]any); isObject {
			for _, key := range slices.Sorted(maps.Keys(object)) {
				walk(object[key], append(at[:len(at):len(at)], key))
			}
			return
		}
		from := "default"
		if place, said := doc.Field(schema.Pointer(at...)); said {
			from = fmt.Sprintf("%s:%d", place.File, place.Line)
		}
		values = append(values, explainedValue{strings.Join(at, "."), value, from})
	}
	walk(whole, nil)
	return values
}

// explainedDefaults is what explain tells of Defaults.
type explainedDefaults struct {
	Kind   string           `json:"kind"` // of jobs there is none, but a job
	File   string           `json:"file"`
	Line   int              `json:"line"`
	Below  string           `json:"below"` // the folder for whose jobs they hold
	Values []explainedValue `json:"values"`
}

func explainDefaults(d *manifests.Defaults) explainedDefaults {
	e := explainedDefaults{Kind: crontopus.KindDefaults, File: d.Path, Line: d.Line, Below: filepath.Dir(d.Path), Values: []explainedValue{}}
	d.Each(func(field string, value any, at manifests.Place) {
		e.Values = append(e.Values, explainedValue{field, value, fmt.Sprintf("%s:%d", at.File, at.Line)})
	})
	return e
}

func (e explainedDefaults) write(p *printer) error {
	t := &table{style: p.style}
	t.row("defaults", "of jobs that do not say otherwise, themselves or in Defaults nearer to them")
	t.row("written in", fmt.Sprintf("%s:%d", e.File, e.Line))
	t.row("hold", "in "+e.Below+" and all folders below it")
	if err := t.write(p.out); err != nil {
		return err
	}
	return writeValues(p, e.Values)
}

// telling is what is told of one document.
type telling interface{ write(p *printer) error }

// writeExplained writes for people, one after the other, or as JSON.
func writeExplained(p *printer, told []telling) error {
	if p.format == formatJSON {
		return p.encode(told)
	}
	for i, e := range told {
		if i > 0 {
			if _, err := fmt.Fprintln(p.out); err != nil {
				return err
			}
		}
		if err := e.write(p); err != nil {
			return err
		}
	}
	return nil
}

func (e explained) write(p *printer) error {
	t := &table{style: p.style}
	t.row("job", e.Job)
	t.row("written in", fmt.Sprintf("%s:%d", e.File, e.Line))
	if len(e.Matrix) > 0 {
		t.row("matrix", labels(e.Matrix))
	}
	t.row("runs", e.What)
	zone := "in " + e.Timezone
	if e.Timezone == crontopus.TimezoneHost {
		if zone = "in each host's own zone"; e.ShownIn != "" {
			zone += ", here as in " + e.ShownIn
		}
	}
	t.row("when", e.When+", "+zone)
	if e.Suspended {
		t.row("suspended", "it stays off the hosts")
	}
	for i, run := range e.NextRuns {
		t.row([]string{"next", ""}[min(i, 1)], run)
	}
	if e.Hosts != nil {
		t.row("hosts", cmp.Or(strings.Join(e.Hosts, ", "), "none of today's"))
	}
	if err := t.write(p.out); err != nil {
		return err
	}
	return writeValues(p, e.Values)
}

func writeValues(p *printer, list []explainedValue) error {
	values := &table{style: p.style}
	values.columns("VALUE", "IS", "FROM")
	for _, v := range list {
		text, err := json.Marshal(v.Value)
		if err != nil {
			return err
		}
		values.row(v.Field, string(text), v.From)
	}
	return values.write(p.out)
}
