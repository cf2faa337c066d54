package api

import (
	"context"
	"net/http"
	"sync/atomic"

	"crontopus.dev/crontopus/api/wire"
)

// keyStatements tells agents which keys sign bundles now. It needs no trust in who
// tells it: each statement is signed by a key that came before.
type keyStatements struct{ keys *atomic.Pointer[Keys] }

func (k keyStatements) register(r *router) {
	add(r, agent, operation(http.MethodGet, "/api/v1/agent/keys", "get-key-statements", tagAgentProtocol, "Get the statements of the key sets",
		"Signed envelopes, oldest first, that lead from any key that ever signed bundles to those of today. "+
			"The header "+wire.HeaderKeySet+" of a poll's answer tells when there are newer ones."), k.get)
}

func (k keyStatements) get(context.Context, *struct{}) (*body[wire.KeyStatements], error) {
	return answer(wire.KeyStatements{Statements: orEmpty(k.keys.Load().Statements)}), nil
}
