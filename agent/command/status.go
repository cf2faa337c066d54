package command

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/usage"
	"crontopus.dev/crontopus/schedule"
)

// status is what there is to know about this host without asking anybody.
type status struct {
	Name       string                `json:"name"`
	AgentID    string                `json:"agentId"`
	Tenant     crontopus.TenantID    `json:"tenant"`
	Server     string                `json:"server"`
	Unreached  *agent.Unreached      `json:"unreached"` // since when the server does not answer the daemon, and why; none while it does
	StateDir   string                `json:"stateDir"`
	Scheduler  string                `json:"scheduler"`
	Paused     bool                  `json:"paused"`
	Applied    *crontopus.Generation `json:"applied"`       // what the scheduler holds; none before the first reconcile
	Bundle     *bundleStatus         `json:"bundle"`        // what runs are held to; none before the first one came
	Entries    []entry               `json:"entries"`       // what the scheduler holds
	Denied     []crontopus.Denial    `json:"denied"`        // what the host's policy forbids
	Refused    *crontopus.Refusal    `json:"refused"`       // the newest bundle, if it was not accepted
	Drift      []crontopus.Drift     `json:"drift"`         // what was repaired lately
	Error      string                `json:"error"`         // why the last reconcile failed
	ReportedAt *time.Time            `json:"reportedAt"`    // when the daemon last had something to say
	Spooled    int                   `json:"spooled"`       // check-ins that wait for the server
	Dropped    int                   `json:"dropped"`       // check-ins that were lost
	Problem    string                `json:"bundleProblem"` // why the bundle cannot be used
}

type bundleStatus struct {
	Generation crontopus.Generation `json:"generation"`
	Issued     time.Time            `json:"issued"`
	Expires    time.Time            `json:"expires"`
}

type entry struct {
	Job      crontopus.JobName   `json:"job"`
	Schedule crontopus.Schedules `json:"schedule"`
	Timezone string              `json:"timezone"`
	Next     *time.Time          `json:"next"` // none for @reboot, or where the host's zone is not known
	Source   string              `json:"source"`
}

func newStatusCommand(settings *flags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who this host is and what it runs",
		Long:  `Shows what this host knows of itself. It asks neither the daemon nor the server.`,
		Args:  usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return crontopus.Errorf(crontopus.CodeInvalid, "no form of output is called %q", output).WithHint("write -o table or -o json")
			}
			config, err := settings.load()
			if err != nil {
				return err
			}
			s, err := readStatus(config, time.Now())
			if err != nil {
				return err
			}
			if output == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(s)
			}
			return s.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "form of the data: table, json")
	return cmd
}

func readStatus(config agent.Config, now time.Time) (*status, error) {
	state := agent.State{Dir: config.StateDir}
	id, err := state.Identity()
	if err != nil {
		return nil, err
	}
	s := &status{
		Name: id.Name, AgentID: id.AgentID, Tenant: id.Tenant, Server: id.Server, StateDir: config.StateDir,
		Scheduler: config.SchedulerName(), Paused: state.Paused(),
		Entries: []entry{}, Denied: []crontopus.Denial{}, Drift: []crontopus.Drift{},
	}
	if config.Server != "" {
		s.Server = config.Server
	}
	s.addReport(state.LoadReport())
	spool := agent.NewSpool(state.SpoolDir())
	if s.Spooled, err = spool.Len(); err != nil {
		return nil, err
	}
	s.Dropped = spool.Dropped()
	applied, err := state.LoadApplied()
	if err != nil {
		return nil, err
	}
	bundle, err := agent.LoadBundle(state)
	if err != nil && crontopus.ErrorCode(err) != crontopus.CodeNotFound {
		s.Problem = err.Error()
	}
	if bundle != nil {
		s.Bundle = &bundleStatus{bundle.Gen(), bundle.Issued, bundle.Expires}
	}
	if applied != nil {
		s.Applied = &applied.Generation
		s.Entries = entriesOf(applied, bundle, func() string { return agent.ZoneOf(s.Scheduler) }, now)
	}
	return s, nil
}

func (s *status) addReport(r agent.HostReport) {
	if r.At.IsZero() {
		return
	}
	s.ReportedAt, s.Refused, s.Error, s.Unreached = &r.At, r.Refused, r.Error, r.Unreached
	s.Denied = append(s.Denied, r.Denied...)
	s.Drift = append(s.Drift, r.Drift...)
}

// entriesOf lists what the scheduler holds, with what the bundle says about it.
func entriesOf(applied *agent.Applied, bundle *crontopus.Bundle, hostZone func() string, now time.Time) []entry {
	jobs := map[crontopus.JobName]*crontopus.Job{}
	if bundle != nil {
		for i := range bundle.Jobs {
			jobs[bundle.Jobs[i].Name()] = &bundle.Jobs[i]
		}
	}
	entries := make([]entry, 0, len(applied.Entries))
	for _, native := range applied.Entries {
		e := entry{Job: native.Job}
		if job := jobs[native.Job]; job != nil {
			e.Schedule, e.Timezone, e.Source = job.Spec.Schedule, job.Spec.Timezone, job.Source
			e.Next = nextRun(job, hostZone, now)
		}
		entries = append(entries, e)
	}
	return entries
}

// nextRun returns when a job runs next, nil where nobody can say.
func nextRun(job *crontopus.Job, hostZone func() string, now time.Time) *time.Time {
	job, err := job.InZone(hostZone)
	if err != nil {
		return nil
	}
	set, err := schedule.Of(job)
	if err != nil {
		return nil
	}
	if next, ok := set.Next(now); ok {
		return &next
	}
	return nil
}

// print writes the status for a person.
func (s *status) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	field := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	field("name", "%s (agent %s, tenant %s)", s.Name, s.AgentID, s.Tenant)
	field("server", "%s", s.Server)
	if s.Unreached != nil {
		field("unreached", "since %s: %s", s.Unreached.Since.UTC().Format(time.RFC3339), s.Unreached.Why)
	}
	field("state", "%s", s.StateDir)
	field("scheduler", "%s", s.Scheduler)
	field("paused", "%s", yesNo(s.Paused))
	if s.Applied != nil {
		field("applied", "generation %s", s.Applied)
	} else {
		field("applied", "nothing yet")
	}
	if s.Bundle != nil {
		field("bundle", "generation %s, expires %s", s.Bundle.Generation, s.Bundle.Expires.UTC().Format(time.RFC3339))
	}
	if s.Problem != "" {
		field("bundle", "%s", s.Problem)
	}
	if s.Refused != nil {
		field("refused", "%s: %s", s.Refused.Code, s.Refused.Message)
	}
	if s.Error != "" {
		field("error", "%s", s.Error)
	}
	field("spool", "%d waiting, %d dropped", s.Spooled, s.Dropped)
	for _, d := range s.Denied {
		field("denied", "%s: %s", d.Job, d.Reason)
	}
	for _, d := range s.Drift {
		field("repaired", "%s was %s at %s", d.Entry, d.Kind, d.At.UTC().Format(time.RFC3339))
	}
	if len(s.Entries) > 0 {
		fmt.Fprintf(t, "\nJOB\tSCHEDULE\tTIMEZONE\tNEXT\n")
	}
	for _, e := range s.Entries {
		next := "-"
		if e.Next != nil {
			next = e.Next.Format(time.RFC3339)
		}
		for i, expression := range e.Schedule {
			if i == 0 {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", e.Job, expression, e.Timezone, next)
			} else {
				fmt.Fprintf(t, "\t%s\t\t\n", expression)
			}
		}
	}
	return t.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
