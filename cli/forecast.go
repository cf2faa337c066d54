package cli

import (
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/manifests/forecast"
	"crontopus.dev/crontopus/manifests/lint"
	"crontopus.dev/crontopus/schedule"
)

// What is told of busiest minutes and collisions.
const (
	shownMinutes = 5
	mostMinutes  = 100 // to programs
)

func newForecastCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forecast [PATH…]",
		Short: "Show what runs when over the next day or week",
		Long: `Shows what runs when: a map by hour and by target, the busiest minutes, and the minutes in
which more than --limit jobs start on one target. The manifests are those in the current
folder, in files and folders that are named, or with --git-ref those of a commit. With
--server they are what a server has in effect, and targets are hosts.

A job with a splay starts at some time within it, so it counts for a part in each of its
minutes. Suspended jobs do not run. Jobs with the time zone of their hosts are left out, but
where a server knows it, and so is @reboot.

Exit code: 0 nothing collides, 1 something does, 2 it could not be found out.`,
		Example: `  crontopus forecast
  crontopus forecast --week --timezone Europe/Berlin jobs/
  crontopus forecast --git-ref origin/main --limit 5 -o json
  crontopus forecast --server --week`,
	}
	addServerFlags(cmd)
	server := cmd.PersistentFlags().Lookup("server")
	server.Usage, server.NoOptDefVal = "forecast what this server has in effect; alone: the server that auth login stored", loginServer
	ref := cmd.Flags().String("git-ref", "", "read the files of this commit, branch, tag or tree instead of those on disk")
	week := cmd.Flags().Bool("week", false, "forecast seven days instead of one")
	timezone := cmd.Flags().String("timezone", crontopus.DefaultTimezone, "IANA name of the time zone in which hours are shown")
	from := cmd.Flags().String("from", "", "begin with the hour of this time, in RFC 3339 (default now)")
	limit := cmd.Flags().Int("limit", forecast.HerdSize, "how many jobs may start on one target in the same minute")
	output := addOutputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o := forecast.Options{From: time.Now(), Hours: 24, Limit: *limit, Most: mostMinutes}
		if *week {
			o.Hours *= 7
		}
		if *limit < 1 {
			return crontopus.Errorf(crontopus.CodeInvalid, "--limit %d is not a number of jobs", *limit).WithHint("write a number from 1 on")
		}
		location, err := schedule.Location(*timezone)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("from") {
			if o.From, err = time.Parse(time.RFC3339, *from); err != nil {
				return crontopus.Errorf(crontopus.CodeInvalid, "--from %q is not a time", *from).WithHint("write it in RFC 3339, such as 2026-03-08T00:00:00Z")
			}
		}
		o.From = o.From.In(location)
		asked := server.Changed
		if asked && *ref != "" {
			return crontopus.Errorf(crontopus.CodeInvalid, "a server has its own jobs, so no commit is read").WithHint("leave out --server, or --git-ref")
		}
		if args, err = takeServer(cmd, args); err != nil {
			return err
		}
		entries, left, err := plannedJobs(cmd, args, *ref, asked)
		if err != nil {
			return err
		}
		f, err := forecast.Make(entries, o)
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if p.format == formatJSON {
			err = p.encode(f)
		} else {
			err = printForecast(p, f)
		}
		if left > 0 {
			cmd.PrintErrf("left out: %s in a time zone of its hosts that nobody has told\n", plural(left, "job"))
		}
		if err == nil && f.CollisionCount > 0 {
			err = errProblems
		}
		return err
	}
	return cmd
}

// plannedJobs returns what runs, and how many jobs were left out because nobody knows when.
func plannedJobs(cmd *cobra.Command, args []string, ref string, asked bool) (entries []forecast.Entry, left int, err error) {
	if asked {
		if len(args) > 0 {
			return nil, 0, crontopus.Errorf(crontopus.CodeInvalid, "a server has its own jobs, so no path is taken").WithHint("leave out --server, or the paths")
		}
		api, err := connect(cmd)
		if err != nil {
			return nil, 0, err
		}
		for j, err := range client.All(cmd.Context(), api.Jobs) {
			if err != nil {
				return nil, 0, err
			}
			some, unknown := onHosts(j)
			entries, left = append(entries, some...), left+unknown
		}
		return entries, left, nil
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	v, err := openValidation(cmd.Context(), cmd.InOrStdin(), ref)
	if err != nil {
		return nil, 0, err
	}
	defer v.close()
	r, err := v.report(args)
	if err != nil {
		return nil, 0, err
	}
	if n := r.Errors(); n > 0 {
		return nil, 0, crontopus.Errorf(crontopus.CodeInvalid, "the manifests have errors: %d", n).WithHint("see them with: crontopus validate")
	}
	for i := range v.tree.Documents {
		job := v.tree.Documents[i].Job
		switch {
		case job.Spec.Suspend:
		case job.Spec.Timezone == crontopus.TimezoneHost:
			left++
		default:
			entries = append(entries, forecast.Entry{Job: job, Targets: []string{lint.TargetName(&job.Spec.Target)}})
		}
	}
	return entries, left, nil
}

// onHosts returns a server's job on each of its hosts.
func onHosts(j wire.Job) (entries []forecast.Entry, left int) {
	job := j.Job
	switch {
	case job.Spec.Suspend:
		return nil, 0
	case job.Spec.Timezone != crontopus.TimezoneHost:
		return []forecast.Entry{{Job: &job, Targets: j.Agents}}, 0
	}
	for _, host := range j.Hosts {
		there, err := job.InZone(func() string { return host.Timezone })
		if err == nil {
			_, err = schedule.Location(there.Spec.Timezone)
		}
		if err != nil {
			left = 1
			continue
		}
		entries = append(entries, forecast.Entry{Job: there, Targets: []string{host.Agent}})
	}
	return entries, left
}
