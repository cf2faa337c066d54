package store

import "crontopus.dev/crontopus/internal/recent"

// rememberedProofs is how many URLs, keys and jobs that ping a server knows by heart.
const rememberedProofs = 50_000

// byHeart is what a server that shares its database with no other knows of pings without asking: most are by a
// URL that was good a moment ago, and of a job that nothing goes on of. It is told and asked in transactions that
// write, of which there is one at a time then. A nil one knows nothing.
type byHeart struct {
	good *recent.Map[proof, bool] // without their tails
	idle *recent.Map[grant, bool] // whether surely no run of a job goes on that a ping may end
}

func newByHeart() *byHeart {
	return &byHeart{good: recent.New[proof, bool](rememberedProofs), idle: recent.New[grant, bool](rememberedProofs)}
}

// knows reports whether a ping is by a good proof, and ends no run.
func (h *byHeart) knows(i *item) bool {
	if h == nil {
		return false
	}
	if good, _, _ := h.good.Get(i.proof.itself()); !good {
		return false
	}
	if i.ends() == "" {
		return true
	}
	idle, _, _ := h.idle.Get(i.grant())
	return idle
}

// learn takes what the database says of a ping whose proof is good.
func (h *byHeart) learn(i *item, k *known) {
	if h == nil {
		return
	}
	put(h.good, i.proof.itself(), true)
	if i.ends() != "" {
		put(h.idle, i.grant(), k.idle) // not where one goes on that this end does not find: when later ones have ended, another does
	}
}

// began takes runs that were written.
func (h *byHeart) began(runs []*runKept) {
	if h == nil {
		return
	}
	for _, run := range runs {
		if !run.Ended() {
			put(h.idle, grant{tenant: run.tenant, job: run.Job}, false)
		}
	}
}

// forget drops what is known of URLs and keys: one of them is not good any more.
func (h *byHeart) forget() {
	if h != nil {
		h.good.Forget()
	}
}

func put[K comparable](m *recent.Map[K, bool], k K, v bool) {
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
