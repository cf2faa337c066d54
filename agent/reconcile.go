package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// Reconciler brings a scheduler in line with the bundle: observe, plan, apply.
type Reconciler struct {
	State     State
	Scheduler Scheduler
	Now       func() time.Time
	Log       *slog.Logger
}

// Outcome is what one reconcile came to.
type Outcome struct {
	Applied crontopus.Generation // what the scheduler holds now
	Drift   []crontopus.Drift    // what was found changed by another hand, and repaired
	Denied  []crontopus.Denial   // jobs that the host's policy forbids
}

// Applied is the record of what was last written to the scheduler.
type Applied struct {
	Scheduler  string                       `json:"scheduler"` // which one it was
	Generation crontopus.Generation         `json:"generation"`
	Entries    []Native                     `json:"entries"`
	Schedules  map[crontopus.JobName]string `json:"schedules"` // when each job runs, to see a change
}

// LoadApplied returns the record, and nil where there is none or none that can be read:
// then what the scheduler holds is adopted.
func (s State) LoadApplied() (*Applied, error) {
	a, _, err := s.applied()
	return a, err
}

// applied returns, beside what LoadApplied does, what is wrong with a record that cannot be read.
func (s State) applied() (record *Applied, damage, err error) {
	var a Applied
	err = readJSON(s.AppliedFile(), &a)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case crontopus.ErrorCode(err) == crontopus.CodeInvalid:
		return nil, err, nil
	case err != nil:
		return nil, nil, err
	}
	if a.Entries == nil {
		a.Entries = []Native{}
	}
	return &a, nil, nil
}

// Reconcile makes the scheduler hold the bundle's jobs, as far as the policy allows them.
// Without a bundle it touches nothing. What a failed reconcile left undone the next one
// does.
func (r *Reconciler) Reconcile(ctx context.Context, bundle *crontopus.Bundle, policy *Policy) (Outcome, error) {
	before, damage, err := r.State.applied()
	if err != nil || bundle == nil {
		return Outcome{}, err
	}
	if damage != nil {
		r.Log.WarnContext(ctx, "the record of what the scheduler holds is not used; the entries that carry our marker are adopted, and it is written anew", "error", damage)
	}
	var out Outcome
	held := entriesOf(before)
	if before != nil {
		out.Applied = before.Generation
	}
	observed, err := r.Scheduler.Observe(ctx)
	if err != nil {
		return out, err
	}
	if before == nil {
		held = observed.Entries
	}
	allowed, denied := policy.Screen(bundle.Jobs, jobNames(held))
	desired, schedules, unfit := r.render(allowed)
	out.Denied = append(denied, unfit...)

	plan := MakePlan(desired, r.written(before), observed)
	if err := r.resetClaims(desired, schedules, before, observed); err != nil {
		return out, err
	}
	// Claims are reset once: what fails from here on is done again, and must not take away what is
	// due meanwhile. So the times are written down before the entries are, and those after them.
	expected := r.expect(before, held, schedules)
	if err := r.remember(before, expected); err != nil {
		return out, err
	}
	if err := r.Scheduler.Apply(ctx, desired); err != nil {
		return out, err
	}
	out.Applied, out.Drift = bundle.Gen(), plan.Drift
	for i := range out.Drift {
		out.Drift[i].At = r.Now().UTC()
	}
	if err := r.remember(expected, &Applied{r.Scheduler.Name(), bundle.Gen(), desired, schedules}); err != nil {
		return out, err
	}
	if err := r.State.forgetJobs(bundle, r.Now()); err != nil {
		r.Log.WarnContext(ctx, "claims of jobs that are gone could not be removed; it is tried again", "error", err)
	}
	return out, nil
}

// expect is the record of entries that are as they were, and of times that are to come.
func (r *Reconciler) expect(before *Applied, held []Native, schedules map[crontopus.JobName]string) *Applied {
	a := &Applied{Scheduler: r.Scheduler.Name(), Entries: held, Schedules: schedules}
	if before != nil {
		a.Scheduler, a.Generation = before.Scheduler, before.Generation
	}
	return a
}

// render writes every job in the scheduler's words. A job that this agent cannot schedule
// is denied; the others are not held up by it.
func (r *Reconciler) render(jobs []crontopus.Job) (entries []Native, schedules map[crontopus.JobName]string, unfit []crontopus.Denial) {
	entries, schedules = []Native{}, map[crontopus.JobName]string{}
	zone := sync.OnceValue(r.Scheduler.HostZone) // it may have to be searched for
	for i := range jobs {
		job, err := jobs[i].InZone(zone)
		var entry Native
		if err == nil {
			entry, err = r.Scheduler.Render(job)
		}
		if err != nil {
			unfit = append(unfit, crontopus.Denial{Job: jobs[i].Name(), Code: crontopus.ReasonCannotStart, Reason: err.Error()})
			continue
		}
		entries = append(entries, entry)
		schedules[job.Name()] = job.Spec.Timezone + " " + strings.Join(job.Spec.Schedule, " | ")
	}
	slices.SortFunc(entries, func(a, b Native) int { return a.Job.Compare(b.Job) })
	return entries, schedules, unfit
}

// resetClaims makes a job that is new here, or that now runs at other times, run only for
// what is due from now on. It comes before the entries do, since cron may be quick. Entries that were
// adopted go on with the claims that they have.
func (r *Reconciler) resetClaims(desired []Native, schedules map[crontopus.JobName]string, before *Applied, observed Observed) error {
	adopted := byJob(observed.Entries)
	boot := BootID()
	for _, e := range desired {
		_, known := adopted[e.Job]
		if before != nil {
			known = before.Schedules[e.Job] == schedules[e.Job]
		}
		if known {
			continue
		}
		if err := r.State.ResetClaim(e.Job, boot, r.Now()); err != nil {
			return err
		}
	}
	return nil
}

// remember writes the record if it has changed.
func (r *Reconciler) remember(before, after *Applied) error {
	was, _ := json.Marshal(before)
	is, _ := json.Marshal(after)
	if string(was) == string(is) {
		return nil
	}
	return writeJSON(r.State.AppliedFile(), after)
}

// written returns what drift is measured against: nil, which is nothing, where the record
// is lost or tells of another scheduler.
func (r *Reconciler) written(a *Applied) []Native {
	if a == nil || a.Scheduler != r.Scheduler.Name() {
		return nil
	}
	return a.Entries
}

func entriesOf(a *Applied) []Native {
	if a == nil {
		return nil
	}
	return a.Entries
}

func jobNames(entries []Native) []crontopus.JobName {
	jobs := make([]crontopus.JobName, len(entries))
	for i, e := range entries {
		jobs[i] = e.Job
	}
	return jobs
}
