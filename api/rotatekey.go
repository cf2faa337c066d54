package api

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type agentKeyStore interface {
	RotateAgentKey(ctx context.Context, tenant crontopus.TenantID, actor, id string, last, next []byte) error
}

// rotateKey gives an agent another key, on the word of the one that it has.
type rotateKey struct {
	store agentKeyStore
	cache *agentCache
	now   func() time.Time
}

func (s rotateKey) register(r *router) {
	add(r, agent, operation(http.MethodPost, "/api/v1/agent/rotate-key", "rotate-agent-key", tagAgentProtocol, "Replace the agent's key",
		"The token is signed with the agent's key of now, the raw body with the next one; the latter signature, base64, is in "+
			wire.HeaderSignature+". Asking again, with a token by the next key, changes nothing."), s.rotate)
}

type rotateKeyIn struct {
	Signature string `header:"Crontopus-Signature" doc:"base64 of the ed25519 signature over the raw body, by the next key"`
	RawBody   []byte
	Body      wire.RotateKey
}

func (s rotateKey) rotate(ctx context.Context, in *rotateKeyIn) (*struct{}, error) {
	signature, err := base64.StdEncoding.DecodeString(in.Signature)
	if err != nil || len(in.Body.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(in.Body.PublicKey, in.RawBody, signature) {
		return nil, crontopus.Errorf(crontopus.CodeForbidden, "the request is not signed with the key that it brings").
			WithHint("sign the raw body with ed25519 and send the signature, base64, as %s", wire.HeaderSignature)
	}
	if s.now().Sub(in.Body.At).Abs() > wire.MaxTokenLife {
		return nil, errClockSkew
	}
	c := callerOf(ctx)
	if err := s.store.RotateAgentKey(ctx, c.tenant, c.actor(), c.agent.ID, c.agent.PublicKey, in.Body.PublicKey); err != nil {
		return nil, err
	}
	s.cache.forget(c.agent.ID)
	return nil, nil
}
