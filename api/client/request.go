package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// Limits that keep a wrong or hostile server from filling our memory or our day.
const (
	maxAnswer  = 64 << 20
	maxProblem = 1 << 20
	maxVersion = 100
	timeout    = 60 * time.Second // of a request that does not wait by design
)

// request is one call of the API.
type request struct {
	method string
	path   string // already escaped
	query  url.Values
	header http.Header
	body   []byte
	wait   time.Duration // how much longer than timeout the answer may take
	once   bool          // not to be tried again, although it only reads
}

// answer is what came back with a status below 400.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get reads a JSON answer into out.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (out T, err error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return out, err
	}
	return out, c.decode(a, &out)
}

// post sends in as JSON and reads a JSON answer into the result, if there is one.
func post[T any](ctx context.Context, c *Client, path string, in any) (out T, err error) {
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return out, crontopus.Errorf(crontopus.CodeInvalid, "the request cannot be written as JSON: %w", err)
		}
	}
	a, err := c.do(ctx, request{method: http.MethodPost, path: path, body: body})
	if err != nil || len(a.body) == 0 {
		return out, err
	}
	return out, c.decode(a, &out)
}

// nothing is the result of a request that is answered without a body.
type nothing struct{}

func (c *Client) decode(a answer, out any) error {
	if err := json.Unmarshal(a.body, out); err != nil {
		return crontopus.Errorf(crontopus.CodeInternal, "%s answered with something that is not the API's JSON%s: %w", c.base, c.versions(), err).
			WithHint("check that the address is that of a Crontopus server of this version")
	}
	return nil
}

// do sends a request, and once more after learning that our clock is off.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	a, problem, err := c.send(ctx, r)
	if problem != nil && c.learnSkew(problem) && c.agent != nil {
		a, _, err = c.send(ctx, r)
	}
	return a, err
}

// learnSkew reports whether a problem told us what time it is.
func (c *Client) learnSkew(p *wire.Problem) bool {
	if p.Code != crontopus.CodeClockSkew || p.Time == nil {
		return false
	}
	c.skew.Store(int64(time.Until(*p.Time)))
	return true
}

// send makes one attempt. The problem, if any, is also in the error.
func (c *Client) send(ctx context.Context, r request) (answer, *wire.Problem, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+r.wait)
	defer cancel()
	req, err := c.build(ctx, r)
	if err != nil {
		return answer{}, nil, err
	}
	var resp *http.Response
	if r.method == http.MethodGet && !r.once {
		resp, err = c.reader.Do(&retryablehttp.Request{Request: req})
	} else {
		resp, err = c.http.Do(req)
	}
	if err != nil {
		return answer{}, nil, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if v := resp.Header.Get(wire.HeaderVersion); v != "" && len(v) <= maxVersion {
		c.server.Store(&v)
	}
	limit := int64(maxAnswer)
	if resp.StatusCode >= 400 {
		limit = maxProblem
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return answer{}, nil, c.unreachable(ctx, err)
	case int64(len(body)) > limit:
		return answer{}, nil, crontopus.Errorf(crontopus.CodeUnavailable, "%s answered with more than %s", c.base, crontopus.Size(limit)).WithHint(foreignHint)
	case resp.StatusCode >= 400:
		p := readProblem(resp, body)
		return answer{}, p, retryLater(resp, c.problemError(p))
	case resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotModified:
		return answer{}, nil, crontopus.Errorf(crontopus.CodeUnavailable, "%s sends us on to %s", c.base, resp.Header.Get("Location")).
			WithHint("name the server by its own address; redirects are not followed")
	}
	return answer{resp.StatusCode, resp.Header, body}, nil, nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	address := c.base.String() + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(r.body))
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	if c.program != "" {
		req.Header.Set("User-Agent", c.program+"/"+c.version)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Body, req.GetBody = http.NoBody, nil
	}
	switch {
	case c.agent != nil:
		req.Header.Set("Authorization", "Bearer "+c.agent.token(c.Now()))
	case c.apiKey != "":
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	return req, nil
}

// foreignHint is what to do where somebody else than a Crontopus server answers.
const foreignHint = "check the address, and any proxy before the server"

// readProblem reads an error's body. One that is not ours, such as a proxy's page, says nothing of
// what the server makes of the request, whatever its status is: the server was not reached.
func readProblem(resp *http.Response, body []byte) *wire.Problem {
	p := &wire.Problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // one that is none is not ours
	if kind == "application/problem+json" && json.Unmarshal(body, p) == nil && p.Code != "" {
		return p
	}
	return &wire.Problem{
		Status: resp.StatusCode, Code: crontopus.CodeUnavailable,
		Detail: fmt.Sprintf("something at the server's address, or between here and there, answered %s, which is not an answer of the Crontopus API", resp.Status),
		Hint:   foreignHint,
	}
}

// misunderstood reports whether a problem may come of two versions that do not fit: the server
// does not know the route, or what was sent there.
func misunderstood(p *wire.Problem) bool {
	switch p.Code {
	case crontopus.CodeInvalid, crontopus.CodeUnsupported, "method_not_allowed", "unsupported_media_type":
		return true
	}
	return p.Code == crontopus.CodeNotFound && strings.HasPrefix(p.Detail, "there is nothing at ") // as every version says it
}

func (c *Client) problemError(p *wire.Problem) *crontopus.Error {
	e := &crontopus.Error{Code: p.Code, Message: p.Detail, Hint: p.Hint}
	if e.Message == "" {
		e.Message = p.Title
	}
	if misunderstood(p) {
		e.Message += c.versions()
	}
	if p.Code == crontopus.CodeInternal && p.RequestID != "" {
		e.Message += " (request " + p.RequestID + ")"
	}
	if p.Code == crontopus.CodeUnauthorized && e.Hint == "" && c.agent == nil {
		e.Hint = "run `crontopus auth login`, or set CRONTOPUS_API_KEY"
	}
	return e
}

// unreachable says why no answer came. A context that the caller ended stays what it is.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	e := crontopus.Errorf(crontopus.CodeUnavailable, "no answer from the server at %s: %w", c.base, cause(err))
	e.Err = err
	e.Message = fmt.Sprintf("no answer from the server at %s", c.base)
	switch {
	case isRefused(err):
		return &crontopus.Error{Code: e.Code, Message: "no server is listening at " + c.base.String(), Err: cause(err),
			Hint: "start it with `crontopus server`, or name another one with --server"}
	case ctx.Err() != nil:
		e.Err = nil
		e.Message += " in time"
	default:
		e.Err = cause(err)
	}
	return e.WithHint("check the address and the network, then try again")
}
