package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// agentIdentity is what an agent proves itself with.
type agentIdentity struct {
	id, installationID string
	key                atomic.Pointer[ed25519.PrivateKey]
	last               atomic.Pointer[signedToken]
}

// signedToken is one that was made for a request, and serves those that follow soon: the
// server knows it, and need not verify it again.
type signedToken struct {
	text string
	at   time.Time
	key  *ed25519.PrivateKey
}

// tokenUse is for how long after its making a token is sent.
const tokenUse = time.Minute

func newAgentIdentity(id, installationID string, key ed25519.PrivateKey) *agentIdentity {
	a := &agentIdentity{id: id, installationID: installationID}
	a.key.Store(&key)
	return a
}

// AgentKey returns the key that the agent proves itself with.
func (c *Client) AgentKey() ed25519.PrivateKey { return *c.agent.key.Load() }

// UseAgentKey makes the agent prove itself with another key from now on.
func (c *Client) UseAgentKey(key ed25519.PrivateKey) { c.agent.key.Store(&key) }

// RotateAgentKey tells the server of the agent's next key, on the word of the one in use.
// Asking again, with either, changes nothing.
func (c *Client) RotateAgentKey(ctx context.Context, next ed25519.PrivateKey) error {
	problem, err := c.rotateAgentKey(ctx, next)
	if problem != nil && c.learnSkew(problem) {
		_, err = c.rotateAgentKey(ctx, next) // the body says what time it is, too
	}
	return err
}

func (c *Client) rotateAgentKey(ctx context.Context, next ed25519.PrivateKey) (*wire.Problem, error) {
	body, err := json.Marshal(wire.RotateKey{PublicKey: next.Public().(ed25519.PublicKey), At: c.Now().UTC()})
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "the request cannot be written as JSON: %w", err)
	}
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(next, body))
	_, problem, err := c.send(ctx, request{method: http.MethodPost, path: "/api/v1/agent/rotate-key", body: body,
		header: http.Header{wire.HeaderSignature: {signature}}})
	return problem, err
}

// token returns a short-lived JWT of the agent's own making (RFC 7519, EdDSA). Writing
// one takes less code than a library; reading one, on the server, is left to a library.
func (a *agentIdentity) token(now time.Time) string {
	key := a.key.Load()
	if t := a.last.Load(); t != nil && t.key == key && !now.Before(t.at) && now.Sub(t.at) < tokenUse {
		return t.text
	}
	t := &signedToken{a.sign(now, *key), now, key}
	a.last.Store(t)
	return t.text
}

func (a *agentIdentity) sign(now time.Time, key ed25519.PrivateKey) string {
	claims, _ := json.Marshal(map[string]any{ // strings and numbers always marshal
		"iss": a.id, "sub": a.id, "aud": a.installationID,
		"iat": now.Unix(), "exp": now.Add(wire.MaxTokenLife - time.Minute).Unix(),
	})
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(claims)
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(unsigned)))
}

// checkAgentServer refuses plain http to anything but this machine: what an agent is
// told would travel unprotected.
func (c *Client) checkAgentServer() error {
	host := c.base.Hostname()
	addr, err := netip.ParseAddr(host)
	if c.base.Scheme == "https" || host == "localhost" || (err == nil && addr.Unmap().IsLoopback()) {
		return nil
	}
	return crontopus.Errorf(crontopus.CodeInvalid, "an agent speaks plain http to its own machine only, and %s is another", host).
		WithHint("use https://%s", c.base.Host)
}

// Enroll redeems an enrolment token for the host that holds key. PublicKey and At of the
// request are filled in. Asking again with the same key and token gets the same answer.
func (c *Client) Enroll(ctx context.Context, key ed25519.PrivateKey, in wire.Enroll) (out wire.Enrolled, err error) {
	if err := c.checkAgentServer(); err != nil {
		return out, err
	}
	in.PublicKey = key.Public().(ed25519.PublicKey)
	if in.Facts == nil {
		in.Facts = map[string]string{}
	}
	a, problem, err := c.enroll(ctx, key, in)
	if problem != nil && c.learnSkew(problem) {
		a, _, err = c.enroll(ctx, key, in)
	}
	if err != nil {
		return out, err
	}
	return out, c.decode(a, &out)
}

func (c *Client) enroll(ctx context.Context, key ed25519.PrivateKey, in wire.Enroll) (answer, *wire.Problem, error) {
	in.At = c.Now().UTC()
	body, err := json.Marshal(in)
	if err != nil {
		return answer{}, nil, crontopus.Errorf(crontopus.CodeInvalid, "the request cannot be written as JSON: %w", err)
	}
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(key, body))
	return c.send(ctx, request{
		method: http.MethodPost, path: "/api/v1/agent/enroll", body: body,
		header: http.Header{wire.HeaderSignature: {signature}},
	})
}

// Bundle polls for the agent's signed bundle. With the etag of the last answer it waits
// up to wait, at most wire.MaxWait, for another one; changed is false when there is none.
// spoolDrained, unless zero, tells up to which time every check-in has been delivered.
func (c *Client) Bundle(ctx context.Context, etag string, wait time.Duration, spoolDrained time.Time) (raw []byte, newETag string, changed bool, err error) {
	r := request{method: http.MethodGet, path: "/api/v1/agent/bundle", header: http.Header{}, once: true, wait: wait}
	if wait > 0 {
		r.query = url.Values{"wait": {crontopus.Duration(min(wait, wire.MaxWait)).String()}}
	}
	if etag != "" {
		r.header.Set("If-None-Match", etag)
	}
	if told := c.keySet.Load(); told != nil {
		r.header.Set(wire.HeaderKeySet, told.String())
	}
	if !spoolDrained.IsZero() {
		r.header.Set(wire.HeaderSpoolDrained, spoolDrained.UTC().Format(time.RFC3339Nano))
	}
	a, err := c.do(ctx, r)
	if version, bad := crontopus.ParseKeySetVersion(a.header.Get(wire.HeaderKeySet)); err == nil && bad == nil {
		c.keySet.Store(&version)
	}
	if err != nil || a.status != http.StatusOK {
		return nil, etag, false, err
	}
	return a.body, a.header.Get("ETag"), true, nil
}

// KeySetVersion is that of the newest key set, as the last poll's answer told; zero before.
func (c *Client) KeySetVersion() (v crontopus.KeySetVersion) {
	if told := c.keySet.Load(); told != nil {
		v = *told
	}
	return v
}

// KeyStatements returns the statements that lead to the server's newest key set.
func (c *Client) KeyStatements(ctx context.Context) ([][]byte, error) {
	out, err := get[wire.KeyStatements](ctx, c, "/api/v1/agent/keys", nil)
	return out.Statements, err
}

// Report tells the server what the agent's last reconcile came to.
func (c *Client) Report(ctx context.Context, report crontopus.AgentReport) error {
	_, err := post[nothing](ctx, c, "/api/v1/agent/report", report)
	return err
}

// CheckIns delivers up to wire.MaxCheckIns check-ins and returns a result for each, in
// their order. A nil error means that the server has answered for every one of them.
func (c *Client) CheckIns(ctx context.Context, checkIns []crontopus.CheckIn) ([]wire.CheckInResult, error) {
	out, err := post[wire.CheckInResults](ctx, c, "/api/v1/checkins", wire.CheckIns{CheckIns: checkIns})
	if err != nil {
		return nil, err
	}
	if len(out.Results) != len(checkIns) {
		return nil, crontopus.Errorf(crontopus.CodeInternal, "%s answered %d check-ins with %d results", c.base, len(checkIns), len(out.Results))
	}
	return out.Results, nil
}

// CheckIn delivers one check-in, for a program that is not an agent.
func (c *Client) CheckIn(ctx context.Context, checkIn crontopus.CheckIn) error {
	_, err := post[wire.CheckInResult](ctx, c, jobPath(checkIn.Job)+"/checkins", checkIn)
	return err
}

// jobPath is where a job lives.
func jobPath(name crontopus.JobName) string {
	return "/api/v1/jobs/" + strings.Join([]string{url.PathEscape(name.Namespace), url.PathEscape(name.Name)}, "/")
}
