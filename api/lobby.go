package api

import (
	"context"
	"net/http"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// lobby is where agents wait for another bundle: at the door. All that a request has gone through
// stays on its stack while it waits, and ten thousand may wait.
type lobby struct {
	auth   *authenticator
	gate   *gate
	bundle bundle
}

// visit is what the lobby knows of a request that it has let through.
type visit struct {
	caller caller
	err    error                  // why it is to be refused
	tag    string                 // of the agent's newest bundle
	pub    *crontopus.Publication // nil: not looked at, or there is none
}

type visitKey struct{}

// visitOf returns nil for a request that did not come through the lobby.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// receive lets requests for the bundle go on when there is an answer.
func (l *lobby) receive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != pathBundle || (r.Method != http.MethodGet && r.Method != http.MethodHead) || !l.gate.enter() {
			next.ServeHTTP(w, r)
			return
		}
		defer l.gate.leave()
		v := l.enter(r)
		if v.err == nil {
			v.err = l.bundle.await(r, v)
		}
		if v.err == nil { // it was there until now
			l.hear(v.caller, r)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// enter asks who is there. It does so before the wait: afterwards the agent's token may be too old.
func (l *lobby) enter(r *http.Request) *visit {
	c, err := l.auth.authenticate(r.Context(), r.Header.Get("Authorization"))
	r.Header.Del("Authorization") // nobody asks again, and ten thousand tokens are some memory
	if err == nil {
		err = authorize(c, agent)
	}
	if err == nil {
		l.hear(c, r)
	}
	return &visit{caller: c, err: err}
}

// hear notes that an agent was heard. Only polls tell: runs check in without the daemon, which may be stopped.
func (l *lobby) hear(c caller, r *http.Request) {
	l.auth.heartbeats.note(c.agent, l.auth.now(), r.Header.Get(wire.HeaderSpoolDrained))
}
