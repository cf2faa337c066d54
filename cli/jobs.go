package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

func newJobsCommand() *cobra.Command {
	return addServerFlags(newGroup("jobs", "See what the repositories say should run", newJobsListCommand(), newJobsGetCommand(), newJobsRotatePingCommand()))
}

func newJobsListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the jobs, with their next and last run", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		jobs, err := everyPage(cmd.Context(), api.Jobs)
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if err := p.print(jobs, func(t *table) {
			t.columns("JOB", "SCHEDULE", "TIMEZONE", "AGENTS", "NEXT", "LAST", "WHEN")
			for _, j := range jobs.Items {
				last, at := lastRun(t.style, j)
				t.row(j.Job.Name().String(), scheduleOf(j), j.Job.Spec.Timezone, fmt.Sprint(len(j.Agents)), nextRun(t.style, j), last, at)
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(jobs.Items), "No jobs. Connect a repository: crontopus sources add NAME --url URL")
	}
	return cmd
}

func newJobsGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "get NAMESPACE/NAME",
		Short:   "Show one job: what runs, when, on which hosts, and where it is written",
		Example: "  crontopus jobs get production/nightly-backup",
		Args:    exactArgs("NAMESPACE/NAME"),
	}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := crontopus.ParseJobName(args[0])
		if err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		job, err := findJob(cmd.Context(), api, name)
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(job, func(t *table) { describeJob(t, job) })
	}
	return cmd
}

func describeJob(t *table, j wire.Job) {
	spec := j.Job.Spec
	t.row("Job:", j.Job.Name().String())
	if j.Job.Metadata.Description != "" {
		t.row("Description:", j.Job.Metadata.Description)
	}
	if spec.Every > 0 && !spec.Suspend { // which no zone makes longer
		t.row("Schedule:", scheduleOf(j))
	} else {
		t.row("Schedule:", scheduleOf(j)+" ("+spec.Timezone+")")
	}
	describeNext(t, j)
	switch {
	case len(spec.Run.Command) > 0:
		t.row("Command:", strings.Join(spec.Run.Command, " "))
	case spec.Run.Script != "":
		t.row("Script:", spec.Run.Script)
	}
	if spec.Run.User != "" {
		t.row("User:", spec.Run.User)
	}
	if spec.Suspend {
		t.row("Suspended:", "yes, it is on no host")
	}
	t.row("Agents:", orDash(strings.Join(j.Agents, ", ")))
	if j.PingURL != "" {
		t.row("Ping URL:", j.PingURL)
	}
	t.row("Source:", fmt.Sprintf("%s, %s:%d", j.Source, j.Path, j.Line))
	t.row("Changed by:", fmt.Sprintf("%s, %s (%s)", j.Commit.Author, j.Commit.Subject, shortRevision(j.Revision)))
	if j.LastRun != nil {
		state, at := lastRun(t.style, j)
		if j.LastRun.Agent != "" {
			state += " on " + j.LastRun.Agent
		}
		t.row("Last run:", state+", "+at)
		t.row("Its output:", "crontopus runs get "+j.LastRun.ID)
	}
}

// describeNext tells the next runs; those of a job in its hosts' own zones host by host.
func describeNext(t *table, j wire.Job) {
	if len(j.Hosts) == 0 {
		for i := range min(3, len(j.Next)) {
			t.row("Next:", t.style.time(&j.Next[i]))
		}
		return
	}
	for _, h := range j.Hosts {
		switch {
		case h.Timezone == "":
			t.row("Next:", "unknown on "+h.Agent+", which has not reported its time zone")
		case len(h.Next) > 0:
			t.row("Next:", fmt.Sprintf("%s on %s (%s)", t.style.time(&h.Next[0]), h.Agent, h.Timezone))
		}
	}
}

func scheduleOf(j wire.Job) string {
	if j.Job.Spec.Suspend {
		return "suspended"
	}
	if every := j.Job.Spec.Every; every > 0 {
		return "every " + every.String()
	}
	return strings.Join(j.Job.Spec.Schedule, "; ")
}

func nextRun(s style, j wire.Job) string {
	if len(j.Next) == 0 {
		return "-"
	}
	return s.time(&j.Next[0])
}

func lastRun(s style, j wire.Job) (state, at string) {
	if j.LastRun == nil {
		return "-", "-"
	}
	return string(j.LastRun.State), s.time(&j.LastRun.At)
}

// shortRevision shortens the commit in branch@sha1:hex to what people recognise.
func shortRevision(revision string) string {
	const shown = 10
	if i := strings.LastIndexByte(revision, ':'); i >= 0 && len(revision) > i+1+shown {
		return revision[:i+1+shown]
	}
	return orDash(revision)
}

// everyPage collects a list whole.
func everyPage[T any](ctx context.Context, page func(context.Context, crontopus.Page) (wire.List[T], error)) (wire.List[T], error) {
	all := wire.List[T]{Items: []T{}}
	for item, err := range client.All(ctx, page) {
		if err != nil {
			return all, err
		}
		all.Items = append(all.Items, item)
	}
	return all, nil
}

// sayIfEmpty tells a person what to do about an empty list.
func sayIfEmpty(cmd *cobra.Command, items int, what string) error {
	if items == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), what)
	}
	return nil
}

// timeFlag reads a flag such as --since: a time, or how long ago.
func timeFlag(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	d, err := crontopus.ParseDuration(s)
	if err != nil {
		return time.Time{}, crontopus.Errorf(crontopus.CodeInvalid, "--%s %q is neither a time nor a duration", flag, s).
			WithHint("write it like 24h, 7d or 2026-11-23T00:00:00Z")
	}
	return now.Add(-d.Std()), nil
}
