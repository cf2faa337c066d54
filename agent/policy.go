package agent

import (
	"os/user"

	"crontopus.dev/crontopus"
)

// Policy is what this host allows, whatever the server sends. The zero Rules are the
// ones without a policy file: on a root agent no root jobs and no secrets from elsewhere than
// RootSecrets, everything else as the manifest says.
type Policy struct {
	Rules
	uid              int // the agent's own
	lookup, lookupID func(string) (*user.User, error)
}

// Rules is a policy file. A list that is absent does not restrict; one that is empty
// allows nothing.
type Rules struct {
	Sources      []string           `yaml:"sources"`      // repositories' URLs; one that ends in / takes in all below it
	Users        []string           `yaml:"users"`        // whom jobs may run as; root only if it is listed
	MaxJobs      *int               `yaml:"maxJobs"`      // how many jobs the host takes
	MaxRemovals  *int               `yaml:"maxRemovals"`  // how many jobs one bundle may take away
	MinInterval  crontopus.Duration `yaml:"minInterval"`  // between two runs of one job
	Executables  []Executable       `yaml:"executables"`  // what run.command may start
	AllowScripts *bool              `yaml:"allowScripts"` // default: true, but false beside executables
	Environment  []string           `yaml:"environment"`  // names of variables and secrets, or NAME_*; default: all, but none beside executables
	SecretPaths  []string           `yaml:"secretPaths"`  // files; one that ends in / takes in all below it; default on a root agent: RootSecrets
}

// NewPolicy returns the policy of an agent that runs as uid.
func NewPolicy(rules Rules, uid int) *Policy {
	return &Policy{Rules: rules, uid: uid, lookup: userOnce(), lookupID: lookUpUserID}
}

// Allows returns nil if the host lets the job run, else an error that says which rule
// forbids it. It is asked when a bundle is applied and again before each run, so a
// stricter policy takes effect at once.
func (p *Policy) Allows(job *crontopus.Job) error {
	run := &job.Spec.Run
	for _, rule := range []func() error{
		func() error { return p.allowsSource(job.Source) },
		func() error { return p.allowsUser(run.User) },
		func() error { return p.allowsProgram(run) },
		func() error { return p.allowsEnvironment(run) },
		func() error { return p.allowsSecrets(run) },
		func() error { return p.allowsInterval(job) },
	} {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

// Screen returns the jobs that the host takes, in their order, and why it does not take
// the others. Where there are more than MaxJobs, those that it held before stay.
func (p *Policy) Screen(jobs []crontopus.Job, held []crontopus.JobName) (allowed []crontopus.Job, denied []crontopus.Denial) {
	holds := map[crontopus.JobName]bool{}
	for _, name := range held {
		holds[name] = true
	}
	room := len(jobs)
	if p.MaxJobs != nil {
		room = *p.MaxJobs
	}
	reasons := map[crontopus.JobName]error{}
	take := func(wasHeld bool) {
		for i := range jobs {
			name := jobs[i].Name()
			if holds[name] != wasHeld {
				continue
			}
			err := p.Allows(&jobs[i])
			if err == nil && room == 0 {
				err = forbid("the host's policy takes at most %d jobs (maxJobs)", *p.MaxJobs)
			}
			if reasons[name] = err; err == nil {
				room--
			}
		}
	}
	take(true)
	take(false)
	for i := range jobs {
		if err := reasons[jobs[i].Name()]; err != nil {
			denied = append(denied, crontopus.Denial{Job: jobs[i].Name(), Code: reasonOf(err, crontopus.ReasonDenied), Reason: err.Error()})
			continue
		}
		allowed = append(allowed, jobs[i])
	}
	return allowed, denied
}
