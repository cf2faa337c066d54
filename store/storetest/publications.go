package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

// bundle is a publication of the generation 1.number.
func bundle(a crontopus.Agent, number int64, digest string) crontopus.Publication {
	return crontopus.Publication{Tenant: a.Tenant, AgentID: a.ID, Generation: crontopus.Generation{Epoch: 1, Number: number},
		JobsDigest: digest, Jobs: []crontopus.JobName{}, Envelope: []byte(digest), Issued: t0, Expires: t0.Add(time.Hour)}
}

// commit publishes one bundle compiled from the desired state of the sequence.
func (w world) commit(sequence int64, p crontopus.Publication, done ...crontopus.Mark) error {
	return w.s.CommitPublications(w.t.Context(), w.tenant, sequence, []crontopus.Publication{p}, done)
}

var publicationCases = cases{
	"what is published comes back, and shows at the agent": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		_, err := s.Publication(t.Context(), here, a.ID)
		requireCode(t, crontopus.CodeNotFound, err)
		w.sync(w.source("ops"), "backup", "report")
		p := bundle(a, 1, "d1")
		p.Jobs = []crontopus.JobName{named("backup"), named("report")}
		require.NoError(t, w.commit(1, p))
		got, err := s.Publication(t.Context(), here, a.ID)
		require.NoError(t, err)
		require.Equal(t, p, got)
		shown, err := s.SystemAgent(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, p.Generation, shown.Status.Desired)
	},
	"generations grow, or are signed afresh": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		require.NoError(t, w.commit(0, bundle(a, 2, "d2")))
		requireCode(t, crontopus.CodeConflict, w.commit(0, bundle(a, 1, "d1")))
		requireCode(t, crontopus.CodeConflict, w.commit(0, bundle(a, 2, "other jobs")))
		fresh := bundle(a, 2, "d2")
		fresh.Envelope, fresh.Expires = []byte("new signature"), t0.Add(2*time.Hour)
		require.NoError(t, w.commit(0, fresh))
		got, err := s.Publication(t.Context(), here, a.ID)
		require.NoError(t, err)
		require.Equal(t, fresh, got)
		next := bundle(a, 1, "d3")
		next.Generation.Epoch = 2
		require.NoError(t, w.commit(0, next), "an epoch starts over")
	},
	"a desired state that moved on refuses the whole batch": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		w.sync(w.source("ops"), "backup")
		marks, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		requireCode(t, crontopus.CodeConflict, w.commit(0, bundle(a, 1, "d1"), marks...))
		_, err = s.Publication(t.Context(), here, a.ID)
		requireCode(t, crontopus.CodeNotFound, err)
		require.Equal(t, []string{a.ID}, w.marked())
		require.NoError(t, w.commit(1, bundle(a, 1, "d1"), marks...))
		require.Empty(t, w.marked())
	},
	"one bundle that cannot be refuses the batch": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a := w.agent("db-01")
		nobody := bundle(a, 1, "d1")
		nobody.AgentID = "nobody"
		err := s.CommitPublications(t.Context(), here, 0, []crontopus.Publication{bundle(a, 1, "d1"), nobody}, nil)
		requireCode(t, crontopus.CodeNotFound, err)
		_, err = s.Publication(t.Context(), here, a.ID)
		requireCode(t, crontopus.CodeNotFound, err)
	},
	"a mark that was set anew while its bundle was compiled stays": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, a := w.source("ops"), w.agent("db-01")
		marks, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		o := w.outcome(src)
		o.Desired, o.Mark = nil, []string{a.ID}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.NoError(t, w.commit(0, bundle(a, 1, "d1"), marks...))
		require.Equal(t, []string{a.ID}, w.marked())
	},
	"clearing never meets a later mark of the same version": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, a := w.source("ops"), w.agent("db-01")
		first, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		w.settle()
		o := w.outcome(src)
		o.Desired, o.Mark = nil, []string{a.ID}
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		require.NoError(t, w.commit(0, bundle(a, 1, "d1"), first...), "a publisher that was slow")
		require.Equal(t, []string{a.ID}, w.marked())
	},
	"what was compiled before another publisher was done is refused": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, a := w.source("ops"), w.agent("db-01")
		slow, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		o := w.outcome(src)
		o.Desired, o.Mark = nil, []string{a.ID} // something changed after the slow one had looked
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		quick, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		require.NoError(t, w.commit(0, bundle(a, 1, "new"), quick...))
		requireCode(t, crontopus.CodeConflict, w.commit(0, bundle(a, 2, "old"), slow...))
		requireCode(t, crontopus.CodeConflict, w.commit(0, bundle(a, 2, "new again"), quick...))
		got, err := s.Publication(t.Context(), here, a.ID)
		require.NoError(t, err)
		require.Equal(t, "new", got.JobsDigest)
		require.NoError(t, s.CommitPublications(t.Context(), here, 0, nil, slow), "who finds nothing to do is fine")
	},
	"no mark is lost between markers and publishers": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		src, a := w.source("ops"), w.agent("db-01")
		o := w.outcome(src)
		o.Desired, o.Mark = nil, []string{a.ID}
		marking := make(chan struct{})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 25 {
					o := o
					o.Sync.ID = uuid.NewString()
					if s.FinishSync(t.Context(), here, src.ID, o) != nil {
						t.Error("a mark was refused")
					}
				}
			})
		}
		go func() { all.Wait(); close(marking) }()
		for done := false; !done; {
			select {
			case <-marking:
				done = true
			default:
			}
			marks, err := s.SystemMarked(t.Context(), "", 10)
			require.NoError(t, err)
			require.NoError(t, s.CommitPublications(t.Context(), here, 0, nil, marks))
		}
		last, err := s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		require.Empty(t, last, "the newest mark was seen and cleared")
		require.NoError(t, s.FinishSync(t.Context(), here, src.ID, o))
		last, err = s.SystemMarked(t.Context(), "", 10)
		require.NoError(t, err)
		require.EqualValues(t, 102, last[0].Version, "one for enrolling, one for each sync")
	},
	"bundles that soon expire are marked once": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		a, revoked, fresh := w.agent("a"), w.agent("revoked"), w.agent("fresh")
		later := bundle(fresh, 1, "d1")
		later.Expires = t0.AddDate(0, 1, 0)
		for _, p := range []crontopus.Publication{bundle(a, 1, "d1"), bundle(revoked, 1, "d1"), later} {
			require.NoError(t, w.commit(0, p))
		}
		_, err := s.RevokeAgent(t.Context(), here, actor, "revoked", t0)
		require.NoError(t, err)
		w.settle()
		n, err := s.SystemMarkExpiring(t.Context(), t0.AddDate(0, 0, 7))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, []string{a.ID}, w.marked())
		n, err = s.SystemMarkExpiring(t.Context(), t0.AddDate(0, 0, 7))
		require.NoError(t, err)
		require.Zero(t, n)
	},
	"marks come in the order of ids, as many as asked for": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		for range 5 {
			w.agent("")
		}
		all, err := s.SystemMarked(t.Context(), "", 100)
		require.NoError(t, err)
		require.Len(t, all, 5)
		require.IsIncreasing(t, w.marked())
		some, err := s.SystemMarked(t.Context(), "", 2)
		require.NoError(t, err)
		require.Equal(t, all[:2], some)
	},
}
