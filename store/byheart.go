package store

import (
	"math"

	"crontopus.dev/crontopus/internal/recent"
)

// rememberedProofs is how many URLs, keys and jobs that ping a server knows by heart.
const rememberedProofs = 50_000

// byHeart is what a server that shares its database with no other knows of pings without asking: most are by a
// URL that was good a moment ago, and of a job that nothing goes on of. It is told and asked in transactions that
// write, of which there is one at a time then. A nil one knows nothing.
type byHeart struct {
	good *recent.Map[proof, bool]  // without their tails
	idle *recent.Map[grant, int64] // since when surely no run of a job goes on that a ping may end, notIdle where one may
}

// notIdle is later than any ping.
const notIdle = math.MaxInt64

func newByHeart() *byHeart {
	return &byHeart{good: recent.New[proof, bool](rememberedProofs), idle: recent.New[grant, int64](rememberedProofs)}
}

// knows reports whether a ping is by a good proof, and ends no run that began since then. A clock that was ahead, and
// has been put right, asks for more than what was looked at.
func (h *byHeart) knows(i *item, since int64) bool {
	if h == nil {
		return false
	}
	if good, _, _ := h.good.Get(i.proof.itself()); !good {
		return false
	}
	if i.ends() == "" {
		return true
	}
	from, known, _ := h.idle.Get(i.grant())
	return known && from <= since
}

// learn takes what the database says of a ping whose proof is good, and of the runs that began since then.
func (h *byHeart) learn(i *item, k *known, since int64) {
	if h == nil {
		return
	}
	put(h.good, i.proof.itself(), true)
	switch {
	case i.ends() == "":
	case k.idle:
		put(h.idle, i.grant(), since)
	default: // also where one goes on that this end does not find: when later ones have ended, another does
		put(h.idle, i.grant(), notIdle)
	}
}

// began takes runs that were written.
func (h *byHeart) began(runs []*runKept) {
	if h == nil {
		return
	}
	for _, run := range runs {
		if !run.Ended() {
			put(h.idle, grant{tenant: run.tenant, job: run.Job}, notIdle)
		}
	}
}

// forget drops what is known of URLs and keys: one of them is not good any more.
func (h *byHeart) forget() {
	if h != nil {
		h.good.Forget()
	}
}

func put[K comparable, V any](m *recent.Map[K, V], k K, v V) {
	_, _, seen := m.Get(k)
	m.Put(k, v, seen)
}

// itself is the proof whatever it is used for.
func (p *proof) itself() proof { return proof{tenant: p.tenant, url: p.url, key: p.key} }

// ends is the tail of the run that a ping may end without its name, "" if it names one or ends none.
func (i *item) ends() string {
	if i.Event.Final() {
		return i.proof.tail
	}
	return ""
}
