package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
)

// lookups is the store of credentials, with a bound on what strangers can make it do: a credential
// that was not there is not looked for again within a second, and only so many are looked for at
// once that connections to the database are left for others.
//
// Keys and agents' ids are made up at random when they are stored, so nobody can have asked for
// one before; and if so, it works a second later, on every server.
type lookups struct {
	bound
	store  credentialStore
	keys   *recent.Map[[32]byte, time.Time] // when a key was not there, by its hash
	agents *recent.Map[string, time.Time]   // and an agent
}

// bound is how many look-ups there are at once.
type bound struct {
	now   func() time.Time
	slots chan struct{}
}

const (
	lookupsAtOnce = 8
	missesMemory  = time.Second
	missesKept    = 1000
	lookupTimeout = 5 * time.Second // then the caller had better come back
)

func newLookups(store credentialStore, now func() time.Time) *lookups {
	return &lookups{bound: bound{now, make(chan struct{}, lookupsAtOnce)}, store: store,
		keys: recent.New[[32]byte, time.Time](missesKept), agents: recent.New[string, time.Time](missesKept)}
}

var (
	errNoKey   = crontopus.Errorf(crontopus.CodeNotFound, "the API key is unknown or revoked")
	errNoAgent = crontopus.Errorf(crontopus.CodeNotFound, "there is no such agent")
)

// SystemAPIKey is the store's.
func (l *lookups) SystemAPIKey(ctx context.Context, hash [32]byte) (crontopus.APIKey, error) {
	return lookUp(ctx, l.bound, l.keys, hash, errNoKey, l.store.SystemAPIKey)
}

// SystemAgent is the store's. What is no UUID is nobody's id, and may be so long that it would fill the memory, or be no
// text that a database takes.
func (l *lookups) SystemAgent(ctx context.Context, id string) (crontopus.Agent, error) {
	if uuid.Validate(id) != nil {
		return crontopus.Agent{}, errNoAgent
	}
	return lookUp(ctx, l.bound, l.agents, id, errNoAgent, l.store.SystemAgent)
}

// lookUp asks the store, unless the answer was no a moment ago.
func lookUp[K comparable, V any](ctx context.Context, l bound, misses *recent.Map[K, time.Time], k K, no error, ask func(context.Context, K) (V, error)) (found V, err error) {
	missed, known, seen := misses.Get(k)
	now := l.now()
	if known && within(missed, now, missesMemory) {
		return found, no
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return found, crontopus.Errorf(crontopus.CodeUnavailable, "too many addresses and credentials are being looked up").WithHint("try again in a moment")
	}
	defer func() { <-l.slots }()
	if found, err = ask(ctx, k); crontopus.ErrorCode(err) == crontopus.CodeNotFound {
		misses.Put(k, now, seen)
	}
	return found, err
}

// within reports whether something was less than d ago, by a clock that may jump back.
func within(at, now time.Time, d time.Duration) bool {
	age := now.Sub(at)
	return age >= 0 && age < d
}
