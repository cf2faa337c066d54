package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

// liveSource is what a server has of one source in force, and around it.
type liveSource struct {
	server string
	source crontopus.Source
	jobs   []crontopus.DesiredJob       // that are in force
	others map[crontopus.JobName]string // the jobs of other sources, and whose they are
	agents []crontopus.Agent

	alerting []crontopus.DesiredAlerting // that is in force
	untold   bool                        // the server is too old to tell it
}

// ask reads what the server has in force of the source that the folder is.
func (in *diffInput) ask(cmd *cobra.Command) (*liveSource, error) {
	api, err := connect(cmd)
	if err != nil {
		return nil, err
	}
	live := &liveSource{server: api.Server(), others: map[crontopus.JobName]string{}}
	if in.base == "" || in.source != "" { // else it is asked for its hosts only
		if err := live.choose(cmd, api, in.source); err != nil {
			return nil, err
		}
		if err := live.read(cmd, api); err != nil {
			return nil, err
		}
	}
	if in.base == "" {
		if err := live.readAlerting(cmd, api); err != nil {
			return nil, err
		}
	}
	agents, err := everyPage(cmd.Context(), api.Agents)
	live.agents = agents.Items
	return live, err
}

// read tells the source's jobs from those of others.
func (l *liveSource) read(cmd *cobra.Command, api *client.Client) error {
	jobs, err := everyPage(cmd.Context(), api.Jobs)
	for _, job := range jobs.Items {
		if job.SourceID == l.source.ID {
			job.Digest = "" // of a server of another version it would be another one
			l.jobs = append(l.jobs, job.DesiredJob)
		} else {
			l.others[job.Job.Name()] = job.Source
		}
	}
	return err
}

// readAlerting reads the source's policies, channels and windows.
func (l *liveSource) readAlerting(cmd *cobra.Command, api *client.Client) error {
	list, err := api.Alerting(cmd.Context())
	if crontopus.ErrorCode(err) == crontopus.CodeNotFound {
		l.untold = true
		return nil
	}
	for _, said := range list.Items {
		if said.SourceID == l.source.ID {
			l.alerting = append(l.alerting, crontopus.DesiredAlerting{
				AlertingManifest: crontopus.AlertingManifest{Policy: said.Policy, Channel: said.Channel, Window: said.Window}, Path: said.Path, Line: said.Line})
		}
	}
	return err
}

// choose finds the source by its name, or the only one that there is.
func (l *liveSource) choose(cmd *cobra.Command, api *client.Client, name string) (err error) {
	if name != "" {
		l.source, err = api.Source(cmd.Context(), name)
		return err
	}
	sources, err := everyPage(cmd.Context(), api.Sources)
	if err != nil {
		return err
	}
	switch len(sources.Items) {
	case 0:
		return crontopus.Errorf(crontopus.CodeNotFound, "%s has no source", l.server).WithHint("connect the repository: crontopus sources add NAME --url URL")
	case 1:
		l.source = sources.Items[0]
		return nil
	}
	names := make([]string, len(sources.Items))
	for i, s := range sources.Items {
		names[i] = s.Name
	}
	return crontopus.Errorf(crontopus.CodeInvalid, "%s has %d sources, and the folder may be any of them", l.server, len(names)).
		WithHint("write --source with one of %s", strings.Join(names, ", "))
}

// side is what is in force.
func (l *liveSource) side() side {
	name := l.source.Name + " on " + l.server
	if revision := l.source.Status.LastAppliedRevision; revision != "" {
		name += " at " + shortRevision(revision)
	}
	return side{name: name, jobs: l.jobs, alerting: l.alerting}
}
