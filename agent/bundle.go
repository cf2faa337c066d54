package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sort"

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
	bundle, refusal := open(raw, id)
	if refusal != nil {
		return nil, untrusted(state, refusal.Message)
	}
	return bundle, nil
}

// LoadJob returns one job of the last good bundle, and the revision that last changed
// it. It verifies as LoadBundle does, but decodes no other job: a run starts sooner.
func LoadJob(state State, name crontopus.JobName) (*crontopus.Job, string, error) {
	id, err := state.Identity()
	if err != nil {
		return nil, "", err
	}
	raw, err := readBundle(state)
	if err != nil {
		return nil, "", err
	}
	payload, _, err := envelope.Verify(raw, crontopus.BundlePayloadType, id.Keys())
	if err != nil {
		return nil, "", untrusted(state, err.Error())
	}
	var bundle struct {
		Tenant    crontopus.TenantID         `json:"tenant"`
		Agent     string                     `json:"agent"`
		Jobs      []json.RawMessage          `json:"jobs"`
		Revisions map[string]json.RawMessage `json:"revisions"`
	}
	if err := json.Unmarshal(payload, &bundle); err != nil {
		return nil, "", untrusted(state, err.Error())
	}
	if bundle.Tenant != id.Tenant || bundle.Agent != id.AgentID {
		return nil, "", untrusted(state, "it is for another agent")
	}
	job := findJob(bundle.Jobs, name)
	if job == nil {
		return nil, "", notHere(name)
	}
	var revision string
	if raw, ok := bundle.Revisions[name.String()]; ok && json.Unmarshal(raw, &revision) != nil {
		return nil, "", untrusted(state, "a revision is no string")
	}
	return job, revision, nil
}

func notHere(name crontopus.JobName) error {
	return crontopus.Errorf(crontopus.CodeNotFound, "no job %s is meant for this host", name).
		WithHint("`crontopus-agent status` lists the jobs of this host")
}

// findJob searches jobs, which Accept knows to be sorted, and decodes the few it looks at.
func findJob(jobs []json.RawMessage, name crontopus.JobName) *crontopus.Job {
	var found *crontopus.Job
	sort.Find(len(jobs), func(i int) int {
		var job crontopus.Job
		if json.Unmarshal(jobs[i], &job) != nil {
			return -1
		}
		order := name.Compare(job.Name())
		if order == 0 {
			found = &job
		}
		return order
	})
	return found
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
