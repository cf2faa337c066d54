package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
)

// LoadBundle returns the last good bundle: its signature and audience are verified each
// time, its expiry is not, since jobs go on while nobody renews them. The error's code is not_found if
// there has been none yet, invalid if what is there is not to be trusted.
func LoadBundle(state State) (*crontopus.Bundle, error) {
	id, err := state.Identity()
	if err != nil {
		return nil, err
	}
	return loadBundle(state, id)
}

func loadBundle(state State, id *Identity) (*crontopus.Bundle, error) {
	raw, err := readBundle(state)
	if err != nil {
		return nil, err
	}
	bundle, refusal := open(raw, id, id.storedKeys())
	if refusal != nil {
		return nil, untrusted(state, refusal.Message)
	}
	return bundle, nil
}

// LoadJob returns one job of the last good bundle, and the revision that last changed it: by its seal, and
// where there is none that fits, from the bundle, which is verified as LoadBundle does.
func LoadJob(state State, name crontopus.JobName) (*crontopus.Job, string, error) {
	id, err := state.Identity()
	if err != nil {
		return nil, "", err
	}
	if job, revision, found := state.sealedJob(id, name); found {
		return job, revision, nil
	}
	return findInBundle(state, id, name)
}

// findInBundle verifies the whole bundle, and decodes no other job of it.
func findInBundle(state State, id *Identity, name crontopus.JobName) (*crontopus.Job, string, error) {
	raw, err := readBundle(state)
	if err != nil {
		return nil, "", err
	}
	payload, _, err := envelope.Verify(raw, crontopus.BundlePayloadType, id.storedKeys())
	if err != nil {
		return nil, "", untrusted(state, err.Error())
	}
	var header struct {
		Tenant crontopus.TenantID
		Agent  string
	}
	var job *crontopus.Job
	var revision string
	w := &walk{payload}
	for key := range w.members {
		var err error
		switch key {
		case "tenant":
			err = json.Unmarshal(w.value(), &header.Tenant)
		case "agent":
			err = json.Unmarshal(w.value(), &header.Agent)
		case "jobs":
			job, err = findJob(w, name)
		case "revisions":
			err = findRevision(w, name, &revision)
		}
		if err != nil {
			return nil, "", untrusted(state, err.Error())
		}
	}
	if header.Tenant != id.Tenant || header.Agent != id.AgentID {
		return nil, "", untrusted(state, "it is for another agent")
	}
	if job == nil {
		return nil, "", notHere(name)
	}
	return job, revision, nil
}

func notHere(name crontopus.JobName) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "no job %s is meant for this host", name).
		WithHint("`crontopus-agent status` lists the jobs of this host")
}

// findJob decodes the job of the list at hand that has the name; nil: there is none.
//
// Where the list is written as a server writes it, it is not walked through. A brace or comma, then a quote,
// then a letter begin a member in valid JSON and never stand in a string, whose quotes are escaped: so
// what looks like the list's end, or like the beginning of that job, is it.
func findJob(w *walk, name crontopus.JobName) (*crontopus.Job, error) {
	var list []byte
	if end := bytes.Index(w.rest, []byte(`],"revisions":{`)); end >= 0 {
		list, w.rest = w.rest[:end+1], w.rest[end+1:]
	} else {
		list = w.value()
	}
	if at := bytes.Index(list, beginning(name)); at >= 0 {
		return decodeJob((&walk{list[at:]}).value())
	}
	jobs, quoted := &walk{list}, []byte(`"`+name.Name+`"`)
	for range jobs.items {
		if item := jobs.value(); bytes.Contains(item, quoted) {
			if job, err := decodeJob(item); err != nil || job.Name() == name {
				return job, err
			}
		}
	}
	return nil, nil
}

// beginning is how the job begins that has the name.
func beginning(name crontopus.JobName) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"%s","kind":"%s","metadata":{"name":"%s","namespace":"%s"`, crontopus.APIVersion, crontopus.KindJob, name.Name, name.Namespace)
}

func decodeJob(data []byte) (*crontopus.Job, error) {
	var job crontopus.Job
	err := json.Unmarshal(data, &job)
	return &job, err
}

func findRevision(w *walk, name crontopus.JobName, revision *string) (err error) {
	for key := range w.members {
		if key == name.String() {
			err = json.Unmarshal(w.value(), revision)
		}
	}
	return err
}

func readBundle(state State) ([]byte, error) {
	raw, err := os.ReadFile(state.BundleFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, crontopus.Errorf(crontopus.CodeNotFound, "this host has not received its jobs yet").
			WithHint("start the daemon with `crontopus-agent run`; it fetches them")
	case err != nil:
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot read the bundle: %w", err)
	}
	return raw, nil
}

// untrusted says that the stored bundle is not what Accept wrote.
func untrusted(state State, why string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "the stored bundle %s is damaged: %s", state.BundleFile(), why).
		WithHint("the daemon fetches it again; start it with `crontopus-agent run` if it does not run")
}
