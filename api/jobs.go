package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/schedule"
)

type jobStore interface {
	Jobs(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (jobs []crontopus.DesiredJob, next string, err error)
	Job(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (crontopus.DesiredJob, error)
	JobAgents(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) ([]string, error)
	JobZones(ctx context.Context, tenant crontopus.TenantID, name crontopus.JobName) (map[string]string, error)
	LastRuns(ctx context.Context, tenant crontopus.TenantID, names []crontopus.JobName) (map[crontopus.JobName]crontopus.Run, error)
	SystemSource(ctx context.Context, id string) (crontopus.Source, error)
	PingURL(ctx context.Context, tenant crontopus.TenantID, job crontopus.JobName) (id string, err error)
}

// jobs shows what should run. It changes nothing: jobs come from Git.
type jobs struct {
	store     jobStore
	now       func() time.Time
	publicURL string
}

// nextRuns is how many coming runs of a job are shown.
const nextRuns = 5

func (s jobs) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/jobs", "list-jobs", tagJobs, "List the jobs by name", ""), s.list)
	add(r, viewer, operation(http.MethodGet, "/api/v1/jobs/{namespace}/{name}", "get-job", tagJobs, "Get a job",
		"Its manifest, where it comes from, the hosts that it is published to, when it runs next and how it last went. "+
			"Its ping URL is for operators and admins only."), s.get)
}

func (s jobs) list(ctx context.Context, in *PageIn) (*body[wire.List[wire.Job]], error) {
	found, next, err := s.store.Jobs(ctx, callerOf(ctx).tenant, in.page())
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, found)
	if err != nil {
		return nil, err
	}
	return listOf(shown, next), nil
}

func (s jobs) get(ctx context.Context, in *JobIn) (*body[wire.Job], error) {
	name, err := in.name()
	if err != nil {
		return nil, err
	}
	found, err := s.store.Job(ctx, callerOf(ctx).tenant, name)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, []crontopus.DesiredJob{found})
	if err != nil {
		return nil, err
	}
	if c := callerOf(ctx); c.key.Role.Includes(crontopus.RoleOperator) {
		id, err := s.store.PingURL(ctx, c.tenant, name)
		if err != nil {
			return nil, err
		}
		shown[0].PingURL = pingURL(s.publicURL, id)
	}
	return answer(shown[0]), nil
}

// show adds to each job what the desired state does not say of it.
func (s jobs) show(ctx context.Context, desired []crontopus.DesiredJob) ([]wire.Job, error) {
	tenant := callerOf(ctx).tenant
	names := make([]crontopus.JobName, len(desired))
	for i := range desired {
		names[i] = desired[i].Job.Name()
	}
	last, err := s.store.LastRuns(ctx, tenant, names)
	if err != nil {
		return nil, err
	}
	sourceNames := map[string]string{}
	shown := make([]wire.Job, len(desired))
	for i, d := range desired {
		agents, err := s.store.JobAgents(ctx, tenant, names[i])
		if err != nil {
			return nil, err
		}
		source, err := s.sourceName(ctx, sourceNames, d.SourceID)
		if err != nil {
			return nil, err
		}
		shown[i] = wire.Job{DesiredJob: d, Source: source, Agents: orEmpty(agents)}
		if err := s.addNext(ctx, &shown[i]); err != nil {
			return nil, err
		}
		if run, ok := last[names[i]]; ok {
			shown[i].LastRun = lastRun(run)
		}
	}
	return shown, nil
}

// sourceName returns a source's name, or its id when it has gone meanwhile.
func (s jobs) sourceName(ctx context.Context, known map[string]string, id string) (string, error) {
	if name, ok := known[id]; ok {
		return name, nil
	}
	source, err := s.store.SystemSource(ctx, id)
	if err != nil && crontopus.ErrorCode(err) != crontopus.CodeNotFound {
		return "", err
	}
	known[id] = cmp.Or(source.Name, id)
	return known[id], nil
}

// addNext adds when the job runs next. In the host's own zone that depends on the host, so
// each is told, and Next has what comes first on any of them.
func (s jobs) addNext(ctx context.Context, j *wire.Job) error {
	j.Next = []time.Time{}
	if j.Job.Spec.Timezone != crontopus.TimezoneHost {
		j.Next = s.next(&j.Job)
		return nil
	}
	zones, err := s.store.JobZones(ctx, callerOf(ctx).tenant, j.Job.Name())
	if err != nil {
		return err
	}
	byZone := map[string][]time.Time{"": {}} // a fleet has few
	for _, agent := range j.Agents {
		zone := zones[agent]
		if _, err := schedule.Location(zone); err != nil {
			zone = "" // it has not said, or nothing that means anything here
		}
		if byZone[zone] == nil {
			there := j.Job
			there.Spec.Timezone = zone
			byZone[zone] = s.next(&there)
			j.Next = append(j.Next, byZone[zone]...)
		}
		j.Hosts = append(j.Hosts, wire.JobHost{Agent: agent, Timezone: zone, Next: byZone[zone]})
	}
	slices.SortFunc(j.Next, time.Time.Compare)
	j.Next = slices.CompactFunc(j.Next, time.Time.Equal)
	j.Next = j.Next[:min(nextRuns, len(j.Next))]
	return nil
}

// next returns the coming runs, none for a job that is suspended or runs at boot only.
func (s jobs) next(job *crontopus.Job) []time.Time {
	times := []time.Time{}
	set, err := schedule.Of(job)
	if err != nil || job.Spec.Suspend {
		return times // a schedule of another version; its agents say what they make of it
	}
	for at := s.now(); len(times) < nextRuns; {
		next, ok := set.Next(at)
		if !ok {
			break
		}
		times = append(times, next)
		at = next
	}
	return times
}

func lastRun(run crontopus.Run) *wire.LastRun {
	at := cmp.Or(run.Finished, run.Started, run.ScheduledFor, &time.Time{})
	return &wire.LastRun{ID: run.ID, Agent: run.Agent, State: run.State, At: *at}
}
