// Package client speaks to a Crontopus server: for the CLI, for agents and for tests.
//
// Every method is one request. An error is a *crontopus.Error whose code, message and
// hint are the server's, or say why no server answered. The package imports the root,
// api/wire and go-retryablehttp, so that a program that only asks does not link a server.
package client

import (
	"context"
	"crypto/ed25519"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"crontopus.dev/crontopus"
)

// Client asks one server with one identity. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	http   *http.Client          // one try: for changes and long polls
	reader *retryablehttp.Client // a few tries: for reads
	apiKey string
	agent  *agentIdentity

	program, version string
	server           atomic.Pointer[string] // the server's version, as its last answer told
	skew             atomic.Int64           // nanoseconds that the server's clock is ahead of ours
	keySet           atomic.Pointer[crontopus.KeySetVersion]
}

// Option says as whom a Client asks.
type Option func(*Client)

// As tells the server which program asks, and of which version.
func As(program, version string) Option {
	return func(c *Client) { c.program, c.version = program, version }
}

// WithAPIKey asks with an API key, ctk_….
func WithAPIKey(key string) Option {
	return func(c *Client) { c.apiKey = key }
}

// WithAgent asks as an enrolled agent, which proves itself with its key.
func WithAgent(id, installationID string, key ed25519.PrivateKey) Option {
	return func(c *Client) { c.agent = newAgentIdentity(id, installationID, key) }
}

// Dialing connects by dial, such as where nothing listens on a network.
func Dialing(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(c *Client) {
		t := transport()
		t.DialContext = dial
		c.http.Transport = t
	}
}

// New returns a client of the server at a URL such as https://cron.example.com. A key or
// an agent's token is never sent in the clear over a network: plain http is for loopback
// where an agent asks.
func New(server string, options ...Option) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(server, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") || base.RawQuery != "" || base.User != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%q is not the address of a server", server).
			WithHint("write it like https://cron.example.com or http://127.0.0.1:8080")
	}
	c := &Client{base: base, http: &http.Client{Transport: transport()}}
	for _, o := range options {
		o(c)
	}
	if c.agent != nil {
		if err := c.checkAgentServer(); err != nil {
			return nil, err
		}
	}
	once := *c.http
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &once
	c.reader = newReader(c.http)
	return c, nil
}

// Server returns the server's address.
func (c *Client) Server() string { return c.base.String() }

// ServerVersion is the server's, as its last answer told; "" before, or of one that does not tell.
func (c *Client) ServerVersion() string {
	if v := c.server.Load(); v != nil {
		return *v
	}
	return ""
}

// versions says that the two programs are of different versions, where that may be why one
// does not understand the other; "" where they are not, or nobody told.
func (c *Client) versions() string {
	server := c.ServerVersion()
	if server == "" || c.version == "" || server == c.version {
		return ""
	}
	return " (the server is version " + server + ", this program " + c.version + "; update the older one)"
}

// Now returns the time that the server would tell, as far as it is known.
func (c *Client) Now() time.Time { return time.Now().Add(time.Duration(c.skew.Load())) }

// transport allows for a long poll beside other requests, and gives up on a server that
// does not answer its handshake.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSHandshakeTimeout = 10 * time.Second
	return t
}

// newReader retries what a moment's pause may mend: a broken connection or a busy server.
// A server that is not there at all is reported at once.
func newReader(h *http.Client) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   h,
		RetryWaitMin: 100 * time.Millisecond,
		RetryWaitMax: time.Second,
		RetryMax:     2,
		Backoff:      retryablehttp.DefaultBackoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		CheckRetry: func(ctx context.Context, resp *http.Response, err error) (bool, error) {
			if isRefused(err) {
				return false, nil
			}
			return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
		},
	}
}
