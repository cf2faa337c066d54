package api_test

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// fakeStore keeps in memory what the API asks of a store. The real one has tests of its
// own; this one can be told to fail, and counts what it is asked.
type fakeStore struct {
	mu        sync.Mutex
	fail      error                 // what every method returns
	lookups   int                   // of credentials and publications
	keyLookup func(context.Context) // called before a key is looked up
	urlLookup func(context.Context) // called before a ping URL is looked up
	keys      map[[32]byte]crontopus.APIKey
	tokens    map[[32]byte]crontopus.EnrollmentToken
	agents    map[string]crontopus.Agent
	sources   map[string]crontopus.Source
	secrets   map[string]crontopus.SourceSecrets
	lost      bool // the secrets do not open any more
	syncs     map[string]crontopus.Sync
	jobs      []crontopus.DesiredJob
	runs      map[string]crontopus.Run
	pubs      map[string]crontopus.Publication
	beats     map[string]crontopus.Heartbeat
	reports   map[string]crontopus.AgentReport
	requests  []string // syncs that were asked for, by source's id
	behalf    []string // the spans that asked for them
	actors    []string
	allowed   map[string][]crontopus.JobName // what agents may check in for

	pingURLs map[string]crontopus.JobName
	pingKeys map[[32]byte]crontopus.PingKey
	pings    []crontopus.Ping // that were recorded
	logged   []string         // runs' ids, as far as named, and what they said on their way

	follows []crontopus.TenantID // that other servers were to tell of

	badges map[string]crontopus.Badge
	shows  crontopus.BadgeState // whatever a badge is of

	incidents map[string]crontopus.Incident
	events    []crontopus.IncidentEvent
	silences  []crontopus.Silence
	mute      []crontopus.MuteChannel
	asked     crontopus.IncidentFilter // by the last list of incidents

	jobAgents []string          // who has each of the jobs
	zones     map[string]string // what they reported
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		keys: map[[32]byte]crontopus.APIKey{}, tokens: map[[32]byte]crontopus.EnrollmentToken{},
		agents: map[string]crontopus.Agent{}, sources: map[string]crontopus.Source{}, secrets: map[string]crontopus.SourceSecrets{},
		syncs: map[string]crontopus.Sync{}, runs: map[string]crontopus.Run{}, pubs: map[string]crontopus.Publication{},
		beats: map[string]crontopus.Heartbeat{}, reports: map[string]crontopus.AgentReport{}, allowed: map[string][]crontopus.JobName{},
		incidents: map[string]crontopus.Incident{}, badges: map[string]crontopus.Badge{},
		pingURLs: map[string]crontopus.JobName{}, pingKeys: map[[32]byte]crontopus.PingKey{},
	}
}

// locked runs f under the lock, unless the store was told to fail.
func (s *fakeStore) locked(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	return f()
}

// change lets a test arrange or look at the store.
func (s *fakeStore) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func find[K comparable, V any](m map[K]V, key K, out *V) func() error {
	return func() error {
		v, ok := m[key]
		if !ok {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no %v", key)
		}
		*out = v
		return nil
	}
}

func (s *fakeStore) Ping(context.Context) error { return s.locked(func() error { return nil }) }

func (s *fakeStore) SystemAPIKey(ctx context.Context, hash [32]byte) (key crontopus.APIKey, err error) {
	if s.keyLookup != nil {
		s.keyLookup(ctx)
	}
	return key, s.locked(func() error {
		s.lookups++
		return find(s.keys, hash, &key)()
	})
}

func (s *fakeStore) CreateAPIKey(_ context.Context, _ crontopus.TenantID, actor string, key crontopus.APIKey, hash [32]byte) error {
	return s.locked(func() error {
		s.keys[hash], s.actors = key, append(s.actors, actor)
		return nil
	})
}

func (s *fakeStore) APIKeys(context.Context, crontopus.TenantID, crontopus.Page) (keys []crontopus.APIKey, next string, err error) {
	return keys, "", s.locked(func() error {
		keys = slices.SortedFunc(maps.Values(s.keys), func(a, b crontopus.APIKey) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
}

func (s *fakeStore) RevokeAPIKey(_ context.Context, _ crontopus.TenantID, _, id string) error {
	return s.locked(func() error {
		for hash, key := range s.keys {
			if key.ID == id {
				delete(s.keys, hash)
				return nil
			}
		}
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no key %s", id)
	})
}

func (s *fakeStore) CreateEnrollmentToken(_ context.Context, _ crontopus.TenantID, _ string, tok crontopus.EnrollmentToken, hash [32]byte) error {
	return s.locked(func() error {
		s.tokens[hash] = tok
		return nil
	})
}

func (s *fakeStore) SystemEnroll(_ context.Context, hash [32]byte, a crontopus.Agent, _ time.Time) (crontopus.Agent, error) {
	return a, s.locked(func() error {
		tok, ok := s.tokens[hash]
		if !ok {
			return crontopus.Errorf(crontopus.CodeNotFound, "there is no such token")
		}
		for _, known := range s.agents {
			if string(known.PublicKey) == string(a.PublicKey) {
				a = known
				return nil
			}
		}
		if tok.Uses == 0 {
			return crontopus.Errorf(crontopus.CodeGone, "the token was used up")
		}
		tok.Uses--
		a.Tenant, a.Name, a.Labels = crontopus.DefaultTenant, cmp.Or(tok.Name, a.Name, a.ID), tok.Labels
		s.tokens[hash], s.agents[a.ID] = tok, a
		return nil
	})
}

func (s *fakeStore) SystemAgent(_ context.Context, id string) (a crontopus.Agent, err error) {
	return a, s.locked(func() error {
		s.lookups++
		return find(s.agents, id, &a)()
	})
}

func (s *fakeStore) Agents(context.Context, crontopus.TenantID, crontopus.Page) (agents []crontopus.Agent, next string, err error) {
	return agents, "", s.locked(func() error {
		agents = slices.SortedFunc(maps.Values(s.agents), func(a, b crontopus.Agent) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
}

func (s *fakeStore) AgentByName(_ context.Context, _ crontopus.TenantID, name string) (a crontopus.Agent, err error) {
	return a, s.locked(func() error {
		for _, known := range s.agents {
			if known.Name == name || known.ID == name {
				a = known
				return nil
			}
		}
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no agent %s", name)
	})
}

func (s *fakeStore) AgentJobs(context.Context, crontopus.TenantID, string) (jobs []crontopus.DesiredJob, err error) {
	return jobs, s.locked(func() error { jobs = s.jobs; return nil })
}

func (s *fakeStore) RevokeAgent(ctx context.Context, tenant crontopus.TenantID, _, name string, now time.Time) (crontopus.Agent, error) {
	a, err := s.AgentByName(ctx, tenant, name)
	if err != nil {
		return a, err
	}
	a.RevokedAt = &now
	return a, s.locked(func() error { s.agents[a.ID] = a; return nil })
}

func (s *fakeStore) RotateAgentKey(_ context.Context, _ crontopus.TenantID, _, id string, last, next []byte) error {
	return s.locked(func() error {
		a := s.agents[id]
		if !bytes.Equal(a.PublicKey, last) && !bytes.Equal(a.PublicKey, next) {
			return crontopus.Errorf(crontopus.CodeConflict, "the key changed meanwhile")
		}
		a.PublicKey = next
		s.agents[id] = a
		return nil
	})
}

func (s *fakeStore) SystemHeartbeats(_ context.Context, beats []crontopus.Heartbeat) error {
	return s.locked(func() error {
		for _, b := range beats {
			s.beats[b.AgentID] = b
		}
		return nil
	})
}

func (s *fakeStore) SaveReport(_ context.Context, _ crontopus.TenantID, id string, report crontopus.AgentReport) error {
	return s.locked(func() error {
		a := s.agents[id]
		report.Instance = a.Status.Report.Instance.Follow(report.Instance.Name, report.ReceivedAt)
		a.Status.Report, s.reports[id] = report, report
		if a.ID != "" {
			s.agents[id] = a
		}
		return nil
	})
}

func (s *fakeStore) Publication(_ context.Context, _ crontopus.TenantID, id string) (pub crontopus.Publication, err error) {
	return pub, s.locked(func() error {
		s.lookups++
		return find(s.pubs, id, &pub)()
	})
}

func (s *fakeStore) Jobs(context.Context, crontopus.TenantID, crontopus.Page) (jobs []crontopus.DesiredJob, next string, err error) {
	return jobs, "", s.locked(func() error { jobs = s.jobs; return nil })
}

func (s *fakeStore) Job(_ context.Context, _ crontopus.TenantID, name crontopus.JobName) (job crontopus.DesiredJob, err error) {
	return job, s.locked(func() error {
		for _, j := range s.jobs {
			if j.Job.Name() == name {
				job = j
				return nil
			}
		}
		return crontopus.Errorf(crontopus.CodeNotFound, "there is no job %s", name)
	})
}

func (s *fakeStore) JobAgents(context.Context, crontopus.TenantID, crontopus.JobName) (names []string, err error) {
	return names, s.locked(func() error { names = s.jobAgents; return nil })
}

func (s *fakeStore) JobZones(context.Context, crontopus.TenantID, crontopus.JobName) (zones map[string]string, err error) {
	return zones, s.locked(func() error { zones = s.zones; return nil })
}

func (s *fakeStore) LastRuns(context.Context, crontopus.TenantID, []crontopus.JobName) (map[crontopus.JobName]crontopus.Run, error) {
	last := map[crontopus.JobName]crontopus.Run{}
	return last, s.locked(func() error {
		for _, r := range s.runs {
			last[r.Job] = r
		}
		return nil
	})
}

func (s *fakeStore) Runs(_ context.Context, _ crontopus.TenantID, f crontopus.RunFilter, _ crontopus.Page) (runs []crontopus.Run, next string, err error) {
	return runs, "", s.locked(func() error {
		for _, r := range s.runs {
			if (f.Job == nil || *f.Job == r.Job) && (f.State == "" || f.State == r.State) {
				runs = append(runs, r)
			}
		}
		return nil
	})
}

func (s *fakeStore) Run(_ context.Context, _ crontopus.TenantID, id string) (run crontopus.Run, err error) {
	return run, s.locked(find(s.runs, id, &run))
}

func (s *fakeStore) RecordCheckIns(_ context.Context, _ crontopus.TenantID, agentID string, checkIns []crontopus.CheckIn) ([]error, error) {
	errs := make([]error, len(checkIns))
	return errs, s.locked(func() error {
		for i, c := range checkIns {
			known := slices.ContainsFunc(s.jobs, func(j crontopus.DesiredJob) bool { return j.Job.Name() == c.Job })
			switch {
			case !known:
				errs[i] = crontopus.Errorf(crontopus.CodeNotFound, "there is no job %s", c.Job)
			case agentID != "" && !slices.Contains(s.allowed[agentID], c.Job):
				errs[i] = crontopus.Errorf(crontopus.CodeForbidden, "the agent does not have the job %s", c.Job)
			default:
				run, ok := s.runs[c.RunID]
				if !ok {
					run = crontopus.NewRun(c, agentID)
				}
				run.Apply(c)
				s.runs[c.RunID] = run
			}
		}
		return nil
	})
}
