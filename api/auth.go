package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/golang-jwt/jwt/v5"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/recent"
	"crontopus.dev/crontopus/internal/token"
)

// permission says who may use a route.
type permission string

// The permissions. A route declares exactly one.
const (
	public   permission = "public" // anybody; the route proves its caller in a way of its own, or needs none
	viewer   permission = "viewer" // an API key of this role or a higher one …
	operator permission = "operator"
	admin    permission = "admin"
	agent    permission = "agent"    // an enrolled agent
	reporter permission = "reporter" // an agent or an operator: who may check in
)

func (p permission) valid() bool {
	switch p {
	case public, viewer, operator, admin, agent, reporter:
		return true
	}
	return false
}

// role is what an API key needs for the permission, "" if no key will do.
func (p permission) role() crontopus.Role {
	switch p {
	case viewer:
		return crontopus.RoleViewer
	case operator, reporter:
		return crontopus.RoleOperator
	case admin:
		return crontopus.RoleAdmin
	}
	return ""
}

// agents reports whether an agent's token will do.
func (p permission) agents() bool { return p == agent || p == reporter }

// caller is who asks: an API key or an agent.
type caller struct {
	tenant crontopus.TenantID
	key    *crontopus.APIKey
	agent  *identity
}

// actor names the caller in the audit log.
func (c caller) actor() string {
	if c.agent != nil {
		return "agent:" + c.agent.Name
	}
	return "key:" + c.key.Name
}

type callerKey struct{}

// callerOf returns who asks. Every route but a public one has a caller.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// credentialStore looks credentials up.
type credentialStore interface {
	SystemAPIKey(ctx context.Context, hash [32]byte) (crontopus.APIKey, error)
	SystemAgent(ctx context.Context, agentID string) (crontopus.Agent, error)
}

// authenticator finds out who asks. API keys are remembered for a second, and forgotten when
// one is revoked here; agents come from a cache that is told of every change.
type authenticator struct {
	store        credentialStore
	agents       *agentCache
	heartbeats   *heartbeats
	installation string
	now          func() time.Time
	keys         *recent.Map[[32]byte, knownKey]    // by the secret's hash
	tokens       *recent.Map[[32]byte, provenToken] // by the token's
	doubted      *recent.Map[string, time.Time]     // when an agent's key was last looked up anew for a signature that it had not made
}

// How many credentials are remembered, and a key for how long: another server may revoke it.
const (
	rememberedKeys   = 1000
	rememberedTokens = 10_000
	rememberedDoubts = 1000
	keyMemory        = time.Second
)

// knownKey is a key that was in force not long ago.
type knownKey struct {
	*crontopus.APIKey
	at time.Time
}

// provenToken is what a token with a good signature says, which will be good for as long as its
// agent has the key of its signer. Checking it again would be most of what a small request costs.
type provenToken struct {
	signer                     *identity // the agent as it was
	issued, notBefore, expires time.Time // zero: not said
}

func newAuthenticator(o Options, store credentialStore, agents *agentCache, beats *heartbeats) *authenticator {
	return &authenticator{store: store, agents: agents, heartbeats: beats, installation: o.Installation.ID, now: o.Now,
		keys: recent.New[[32]byte, knownKey](rememberedKeys), tokens: recent.New[[32]byte, provenToken](rememberedTokens),
		doubted: recent.New[string, time.Time](rememberedDoubts)}
}

// require lets only requests pass that have the permission.
func (r *router) require(needs permission) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if needs == public {
			next(ctx)
			return
		}
		req, w := humachi.Unwrap(ctx)
		c, err := r.caller(req, needs)
		if err != nil {
			writeProblem(w, r.problem(ctx.Context(), err))
			return
		}
		next(huma.WithValue(ctx, callerKey{}, c))
	}
}

// caller is who makes a request that it may make.
func (r *router) caller(req *http.Request, needs permission) (caller, error) {
	if v := visitOf(req.Context()); v != nil {
		return v.caller, v.err
	}
	c, err := r.auth.authenticate(req.Context(), req.Header.Get("Authorization"))
	if err != nil {
		return c, err
	}
	return c, authorize(c, needs)
}

// authorize is the whole of the permission matrix.
func authorize(c caller, needs permission) error {
	switch {
	case c.agent != nil && needs.agents():
		return nil
	case c.agent != nil:
		return crontopus.Errorf(crontopus.CodeForbidden, "an agent may not do this").WithHint("use an API key")
	case needs.role() == "":
		return crontopus.Errorf(crontopus.CodeForbidden, "only an agent may do this")
	case !c.key.Role.Includes(needs.role()):
		return crontopus.Errorf(crontopus.CodeForbidden, "this needs the role %s, and the API key %s has %s", needs.role(), c.key.Name, c.key.Role).
			WithHint("ask an admin for a key with `crontopus api-keys create NAME --role %s`", needs.role())
	}
	return nil
}

// authenticate tells whose credential an Authorization header holds.
func (a *authenticator) authenticate(ctx context.Context, header string) (caller, error) {
	scheme, credential, _ := strings.Cut(header, " ")
	credential = strings.TrimSpace(credential)
	switch {
	case header == "":
		return caller{}, unauthorized("this needs a credential")
	case !strings.EqualFold(scheme, "Bearer"):
		return caller{}, unauthorized("the Authorization header is not of the form Bearer CREDENTIAL")
	case strings.HasPrefix(credential, token.APIKey+"_"):
		return a.apiKey(ctx, credential)
	case strings.Count(credential, ".") != 2: // a token is a JWT
		return caller{}, unauthorized("the credential is neither an API key nor an agent's token").
			WithHint("an API key begins with %s_; copy it again", token.APIKey)
	default:
		return a.agentToken(ctx, credential)
	}
}

func (a *authenticator) apiKey(ctx context.Context, credential string) (caller, error) {
	if !token.Check(credential, token.APIKey) {
		return caller{}, unauthorized("the API key is not complete").WithHint("copy it again: it is ctk_ and 49 characters")
	}
	hash, now := token.Hash(credential), a.now()
	known, ok, seen := a.keys.Get(hash)
	if ok && within(known.at, now, keyMemory) {
		return caller{tenant: known.Tenant, key: known.APIKey}, nil
	}
	key, err := a.store.SystemAPIKey(ctx, hash)
	switch {
	case crontopus.ErrorCode(err) == crontopus.CodeNotFound:
		return caller{}, unauthorized("the API key is not known, or was revoked")
	case err != nil:
		return caller{}, err
	}
	a.keys.Put(hash, knownKey{&key, now}, seen)
	return caller{tenant: key.Tenant, key: &key}, nil
}

// clockLeeway is how far an agent's clock may be off.
const clockLeeway = 30 * time.Second

// agentToken checks an agent's self-signed token: its signature first, then who it is for,
// then its times, then whether the agent stands.
func (a *authenticator) agentToken(ctx context.Context, credential string) (caller, error) {
	proven, found, err := a.prove(ctx, credential)
	if err != nil {
		return caller{}, err
	}
	if err := a.checkTimes(proven); err != nil {
		return caller{}, err
	}
	if found.RevokedAt != nil {
		return caller{}, errRevoked(found)
	}
	return caller{tenant: found.Tenant, agent: found}, nil
}

// prove returns what a token for this server says, and the agent that it names, whose key has signed it.
func (a *authenticator) prove(ctx context.Context, credential string) (provenToken, *identity, error) {
	hash := token.Hash(credential)
	proven, ok, seen := a.tokens.Get(hash)
	if ok {
		found, err := a.agents.get(ctx, proven.signer.ID)
		if err == nil && proven.signer.PublicKey.Equal(found.PublicKey) {
			return proven, found, nil
		}
	}
	claims, found, err := a.verify(ctx, credential, true)
	if err == nil && (claims.Issuer != claims.Subject || len(claims.Audience) != 1 || claims.Audience[0] != a.installation) {
		err = unauthorized("the agent's token is for another server").WithHint("enroll the host with this server")
	}
	if err != nil {
		return provenToken{}, nil, err
	}
	proven = provenToken{found, timeOf(claims.IssuedAt), timeOf(claims.NotBefore), timeOf(claims.ExpiresAt)}
	a.tokens.Put(hash, proven, seen)
	return proven, found, nil
}

func timeOf(claim *jwt.NumericDate) time.Time {
	if claim == nil {
		return time.Time{}
	}
	return claim.Time
}

// verify checks a token's signature by the key of the agent that it names. A signature by
// another key than the remembered one is judged again by the store's.
func (a *authenticator) verify(ctx context.Context, credential string, again bool) (*jwt.RegisteredClaims, *identity, error) {
	var claims jwt.RegisteredClaims
	var found *identity
	var failed error // the store's, which is not the caller's fault
	_, err := tokenParser.ParseWithClaims(credential, &claims, func(*jwt.Token) (any, error) {
		if found, failed = a.agents.get(ctx, claims.Subject); failed != nil {
			return nil, failed
		}
		return found.PublicKey, nil
	})
	switch {
	case failed != nil && crontopus.ErrorCode(failed) != crontopus.CodeNotFound:
		return nil, nil, failed
	case err != nil && again && found != nil && a.doubt(claims.Subject):
		a.agents.forget(claims.Subject) // another server may have rotated its key
		return a.verify(ctx, credential, false)
	case err != nil:
		return nil, nil, unauthorized("the agent's token is not valid").WithHint("enroll the host again if its agent was removed")
	}
	return &claims, found, nil
}

// doubt reports whether an agent's key is to be looked up anew. Anybody can send a bad signature in its
// name, so that happens once a second: by then this server has heard of every other key.
func (a *authenticator) doubt(agentID string) bool {
	last, ok, seen := a.doubted.Get(agentID)
	now := a.now()
	if ok && within(last, now, keyMemory) {
		return false
	}
	a.doubted.Put(agentID, now, seen)
	return true
}

// tokenParser knows one algorithm. The times are left to checkTimes, which tells a wrong
// clock from a token that is wrong in itself.
var tokenParser = jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithoutClaimsValidation())

// checkTimes checks when a token is good.
func (a *authenticator) checkTimes(t provenToken) error {
	now := a.now()
	switch {
	case t.issued.IsZero() || !t.expires.After(t.issued) || t.expires.Sub(t.issued) > wire.MaxTokenLife:
		return unauthorized("the agent's token is not good for between 0 and %s", wire.MaxTokenLife)
	case t.issued.After(now.Add(clockLeeway)) || t.notBefore.After(now.Add(clockLeeway)) || t.expires.Before(now.Add(-clockLeeway)):
		return errClockSkew
	}
	return nil
}

// errClockSkew is answered together with the server's time, so that the caller can mend it.
var errClockSkew = &crontopus.Error{Code: crontopus.CodeClockSkew, Message: "the host's clock and the server's are too far apart",
	Hint: "set the host's clock by NTP"}

func errRevoked(a *identity) error {
	return unauthorized("the agent %s was revoked", a.Name).WithHint("enroll the host again with a new token")
}

func unauthorized(format string, args ...any) *crontopus.Error {
	return crontopus.Errorf(crontopus.CodeUnauthorized, format, args...)
}
