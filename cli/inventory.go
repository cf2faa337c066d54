package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/diff"
)

// maxInventory bounds a file of hosts: 50,000 of them fit.
const maxInventory = 64 << 20

// inventoried is a host as a file names it. One that is written by hand says less than a server
// does: its name is one that targets may match, unless it says otherwise, and what the host
// would report stands beside it.
type inventoried struct {
	crontopus.Agent
	NameFixed *bool  `json:"nameFixed"`
	Timezone  string `json:"timezone"`
	Scheduler string `json:"scheduler"`
}

func (h inventoried) agent() crontopus.Agent {
	a := h.Agent
	a.NameFixed = h.NameFixed == nil || *h.NameFixed
	a.Status.Report.Timezone = cmp.Or(h.Timezone, a.Status.Report.Timezone)
	a.Status.Report.Scheduler = cmp.Or(h.Scheduler, a.Status.Report.Scheduler)
	return a
}

// readInventory reads the hosts of a file: a list, or an object with the list as items. What a
// server printed is JSON and may be large; what a person wrote is YAML, read as carefully as
// manifests are.
func readInventory(file string) (diff.Fleet, error) {
	f, err := openNamed(file)
	if err != nil {
		return diff.Fleet{}, cannotRead(file, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInventory+1))
	if err != nil {
		return diff.Fleet{}, cannotRead(file, err)
	}
	var list []inventoried
	switch {
	case len(data) > maxInventory:
		err = crontopus.Errorf(crontopus.CodeTooLarge, "it has more than %d MiB", maxInventory>>20)
	case json.Valid(data):
		list, err = hostsOf(data, false)
	default:
		value, problems := manifests.Values(file, data)
		if len(problems) > 0 {
			return diff.Fleet{}, crontopus.Errorf(crontopus.CodeInvalid, "%s", problems[0]).WithHint("%s", problems[0].Hint)
		}
		if data, err = json.Marshal(value); err == nil {
			list, err = hostsOf(data, true)
		}
	}
	if err != nil {
		return diff.Fleet{}, crontopus.Errorf(crontopus.CodeInvalid, "%s is no list of hosts: %w", file, err).
			WithHint("let crontopus agents list -o json write it, or write by hand: - {name: db-01, labels: {role: db}, timezone: Europe/Berlin}")
	}
	fleet := diff.Fleet{Known: true, Agents: make([]crontopus.Agent, len(list))}
	for i, host := range list {
		fleet.Agents[i] = host.agent()
	}
	return fleet, nil
}

// hostsOf decodes a list of hosts. In a strict one every field must be known.
func hostsOf(data []byte, strict bool) (list []inventoried, err error) {
	var object struct {
		Items []inventoried `json:"items"`
		Next  string        `json:"next"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if strict {
		d.DisallowUnknownFields()
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		err = d.Decode(&object)
		list = object.Items
	} else {
		err = d.Decode(&list)
	}
	switch {
	case err != nil:
		return nil, err
	case list == nil:
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "it has no items")
	}
	names := map[string]bool{}
	for i, host := range list {
		if host.Name == "" || names[host.Name] {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "host %d has no name of its own", i+1)
		}
		names[host.Name] = host.RevokedAt == nil // whose name another may have
	}
	return list, nil
}
