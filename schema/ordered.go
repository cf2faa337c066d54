package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// object is a JSON object that keeps its members in the order in which they were written:
// the order of a schema's properties is the order in which people write the fields.
type object []member

type member struct {
	name  string
	value any // object, []any, string, bool, json.Number or nil
}

// ordered is the published document with its order. Nothing that validates asks for it.
var ordered = sync.OnceValue(func() object {
	doc, err := decodeOrdered(json.NewDecoder(bytes.NewReader(manifest)))
	if err != nil {
		panic(fmt.Sprintf("schema: the embedded schema is damaged: %v", err))
	}
	return doc.(object)
})

func decodeOrdered(d *json.Decoder) (any, error) {
	d.UseNumber()
	tk, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch tk {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeOrdered(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name.(string), value})
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := decodeOrdered(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.Token()
		return list, err
	}
	return tk, nil
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := e.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o object) get(name string) any {
	if i := o.index(name); i >= 0 {
		return o[i].value
	}
	return nil
}

func (o object) index(name string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.name == name })
}

// object, list and text return a member that is of that type, or nothing.
func (o object) object(name string) object { v, _ := o.get(name).(object); return v }
func (o object) list(name string) []any    { v, _ := o.get(name).([]any); return v }
func (o object) text(name string) string   { v, _ := o.get(name).(string); return v }

// with returns o with a member set: in its place if it has one of that name, else last.
func (o object) with(name string, value any) object {
	o = slices.Clone(o)
	if i := o.index(name); i >= 0 {
		o[i].value = value
		return o
	}
	return append(o, member{name, value})
}
