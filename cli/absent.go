package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/suggest"
)

// findJob gets a job. Where there is none, the error offers what may have been meant.
func findJob(ctx context.Context, api *client.Client, name crontopus.JobName) (wire.Job, error) {
	job, err := api.Job(ctx, name)
	if crontopus.ErrorCode(err) != crontopus.CodeNotFound {
		return job, err
	}
	all, listErr := everyPage(ctx, api.Jobs)
	if listErr != nil {
		return job, err
	}
	var names, elsewhere []string
	for _, j := range all.Items {
		n := j.Job.Name()
		names = append(names, n.String())
		if n.Name == name.Name {
			elsewhere = append(elsewhere, n.String())
		}
	}
	if len(elsewhere) == 0 {
		return job, offer(err, suggest.Nearest(name.String(), names), "jobs")
	}
	const most = 5
	return job, offer(err, strings.Join(elsewhere[:min(most, len(elsewhere))], " or "), "jobs")
}

// findAgent is findJob for agents.
func findAgent(ctx context.Context, api *client.Client, name string) error {
	_, err := api.Agent(ctx, name)
	if crontopus.ErrorCode(err) != crontopus.CodeNotFound {
		return err
	}
	all, listErr := everyPage(ctx, api.Agents)
	if listErr != nil {
		return err
	}
	var names []string
	for i := range all.Items {
		names = append(names, all.Items[i].Name)
	}
	return offer(err, suggest.Nearest(name, names), "agents")
}

// offer adds to an error what may have been meant, or where to look for it.
func offer(err error, near, group string) error {
	e, ok := errors.AsType[*crontopus.Error](err)
	switch {
	case !ok:
		return err
	case near == "":
		return e.WithHint("crontopus %s list shows what there is", group)
	}
	return e.WithHint("did you mean %s?", near)
}

// emptyFor tells why a list that was narrowed to a job or an agent is empty, if it is because
// there is none: of what has gone the lists still tell, so only an empty one may come of a typo.
func emptyFor(ctx context.Context, api *client.Client, job *crontopus.JobName, agent string) error {
	if job != nil {
		if _, err := findJob(ctx, api, *job); err != nil {
			return err
		}
	}
	if agent != "" {
		return findAgent(ctx, api, agent)
	}
	return nil
}

// warnOfAbsent tells of the names in a match that nothing has now: a typo silences nobody.
func warnOfAbsent(cmd *cobra.Command, api *client.Client, m *crontopus.Match) {
	ctx := cmd.Context()
	warn := func(key, name string) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: %s=%s names nothing that is there now\n", key, name)
	}
	for _, name := range m.Agents {
		if _, err := api.Agent(ctx, name); crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			warn("agent", name)
		}
	}
	for _, name := range m.Sources {
		if _, err := api.Source(ctx, name); crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			warn("source", name)
		}
	}
	if len(m.Jobs) == 0 {
		return
	}
	all, err := everyPage(ctx, api.Jobs)
	if err != nil {
		return // the silence is made, and is what was asked for
	}
	for _, name := range m.Jobs {
		if !slices.ContainsFunc(all.Items, func(j wire.Job) bool {
			n := j.Job.Name()
			return n.Name == name && (len(m.Namespaces) == 0 || slices.Contains(m.Namespaces, n.Namespace))
		}) {
			warn("job", name)
		}
	}
}
