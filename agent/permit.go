package agent

import "crontopus.dev/crontopus"

var errPaused = crontopus.Errorf(crontopus.CodeForbidden, "this host is paused").
	WithHint("say `crontopus-agent resume` first")

// policyRead is the host's policy, or why it cannot be read.
type policyRead struct {
	*Policy
	err error
}

func (r *Runner) readPolicy() policyRead {
	policy, err := r.Policy()
	return policyRead{policy, err}
}

// permit says what on the host keeps a job from running, and the error if that is its policy.
func (r *Runner) permit(job *crontopus.Job, policy policyRead) (whyNot, error) {
	if r.State.Paused() {
		return whyNot{crontopus.ReasonPaused, "the host is paused (crontopus-agent pause was said there)"}, nil
	}
	err := policy.err
	if err == nil {
		err = policy.Allows(job)
	}
	if err != nil {
		return whyNot{reasonOf(err, crontopus.ReasonDenied), err.Error()}, err
	}
	return whyNot{}, nil
}
