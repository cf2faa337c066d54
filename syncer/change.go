package syncer

import (
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// change is how a revision differs from the desired state before it.
type change struct {
	jobs  []crontopus.DesiredJob // of the revision, sorted by name
	delta crontopus.DesiredDelta // what is to be written
	moves []manifests.Move

	added, changed, removed int
}

// change compares the revision with the jobs before it. A job that runs as before keeps the
// revision that last changed it. The cost beside a look at each file follows what differs.
func (a *attempt) change(found *loaded, before []crontopus.DesiredJob, head crontopus.Commit) *change {
	c := &change{}
	stays := make([]bool, len(before))
	at := -1
	for i := range found.docs {
		doc := &found.docs[i]
		at++ // files often come in the order of their jobs' names
		existed := at < len(before) && before[at].Job.Name() == doc.Job.Name()
		if !existed {
			at, existed = findJob(before, doc.Job.Name())
		}
		if existed {
			stays[at] = true
			if was := &before[at]; was.Digest == found.digests[i] && was.SourceID == a.source.ID && was.Path == doc.Path && was.Line == doc.Line {
				continue
			}
		}
		job := crontopus.DesiredJob{Job: *doc.Job, Digest: found.digests[i], SourceID: a.source.ID, Path: doc.Path, Line: doc.Line}
		switch commit, told := found.changedBy(doc); {
		case existed && before[at].Digest == job.Digest:
			job.Commit, job.Revision = before[at].Commit, before[at].Revision
		case told:
			job.Commit, job.Revision = commit, crontopus.Revision(a.source.Branch, commit.Hash)
		default:
			job.Commit, job.Revision = head, a.revision
		}
		c.delta.Put = append(c.delta.Put, job)
	}
	slices.SortFunc(c.delta.Put, compareNames)
	for i, stay := range stays {
		if !stay {
			c.delta.Gone = append(c.delta.Gone, before[i].Job.Name())
			c.moves, c.removed = append(c.moves, manifests.Move{Before: &before[i]}), c.removed+1
		}
	}
	for i := range c.delta.Put {
		job := &c.delta.Put[i]
		switch at, existed := findJob(before, job.Job.Name()); {
		case !existed:
			c.moves, c.added = append(c.moves, manifests.Move{After: job}), c.added+1
		case before[at].Digest != job.Digest:
			c.moves, c.changed = append(c.moves, manifests.Move{Before: &before[at], After: job}), c.changed+1
		}
	}
	c.jobs = merge(before, c.delta)
	return c
}

// leaving is the change that takes all jobs away.
func leaving(before []crontopus.DesiredJob) *change {
	c := &change{removed: len(before)}
	for i := range before {
		c.moves = append(c.moves, manifests.Move{Before: &before[i]})
	}
	return c
}

// concerned returns the agents that any job that moves is or was for.
func (c *change) concerned(agents []crontopus.Agent) []string {
	var ids []string
	for i := range agents {
		if slices.ContainsFunc(c.moves, func(m manifests.Move) bool { had, has := m.On(&agents[i]); return had || has }) {
			ids = append(ids, agents[i].ID)
		}
	}
	return ids
}
