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
	jobs   []crontopus.DesiredJob
	others map[crontopus.JobName]string // the jobs of other sources, and whose they are
	agents []crontopus.Agent
}

// ask reads what the server has in force of the source that the folder is.
func (in *diffInput) ask(cmd *cobra.Command) (*liveSource, error) {
	server := in.server
	if value, _ := cmd.Flags().GetString("server"); server == "" && value != storedServer {
		server = value
	}
	if err := cmd.Flags().Set("server", server); err != nil {
		return nil, err
	}
	api, err := connect(cmd)
	if err != nil {
		return nil, err
	}
	live := &liveSource{server: api.Server(), others: map[crontopus.JobName]string{}}
	if err := live.choose(cmd, api, in.source); err != nil {
		return nil, err
	}
	jobs, err := everyPage(cmd.Context(), api.Jobs)
	if err != nil {
		return nil, err
	}
	for _, job := range jobs.Items {
		if job.SourceID == live.source.ID {
			live.jobs = append(live.jobs, job.DesiredJob)
		} else {
			live.others[job.Job.Name()] = job.Source
		}
	}
	agents, err := everyPage(cmd.Context(), api.Agents)
	live.agents = agents.Items
	return live, err
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
	return side{name: name, jobs: l.jobs}
}
