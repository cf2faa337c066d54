package syncer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/netguard"
)

// errRedirected: following would send what a source's owner wrote for one host to another,
// or in the clear.
var errRedirected = errors.New("redirected to another host or to plain http")

// httpRemote is how the child speaks http: guarded, with bounded answers.
type httpRemote struct {
	http.RoundTripper

	exceeded atomic.Bool // an answer was larger than maxBytes
}

// install makes go-git use guarded clients, and only for the schemes that the request may use.
// go-git keeps them in a global: one more reason why a process serves one fetch.
func (q *fetchRequest) install() *httpRemote {
	guard := netguard.Guard{Allow: q.AllowNetworks, AllowedOnly: q.plain()}
	remote := &httpRemote{RoundTripper: guard.Transport()}
	c := githttp.NewClient(&http.Client{Transport: remote, CheckRedirect: sameHost})
	client.InstallProtocol("https", c)
	client.InstallProtocol("http", c)
	client.InstallProtocol("git", nil)
	if _, ok := crontopus.ParseSSH(q.URL); !ok {
		client.InstallProtocol("ssh", nil)
	}
	if !q.AllowFileSources {
		client.InstallProtocol("file", nil)
	}
	return remote
}

// plain reports whether what is fetched crosses the network unencrypted.
func (q *fetchRequest) plain() bool {
	u, err := url.Parse(q.URL) // the scheme may be spelled in capitals
	return err != nil || u.Scheme == "http"
}

// sameHost lets a redirect change the path, or http to https, and nothing else.
func sameHost(next *http.Request, via []*http.Request) error {
	from := via[0].URL
	if !strings.EqualFold(from.Hostname(), next.URL.Hostname()) || from.Scheme == "https" && next.URL.Scheme != "https" {
		return fmt.Errorf("%w: from %s://%s to %s://%s", errRedirected, from.Scheme, from.Hostname(), next.URL.Scheme, next.URL.Hostname())
	}
	return nil
}

// RoundTrip bounds what an answer may have: go-git reads error pages whole.
func (h *httpRemote) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := h.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		page := response.Body
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(page, 4<<10), page}
		return response, nil
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxBytes, exceeded: &h.exceeded}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser

	left     int64
	exceeded *atomic.Bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.exceeded.Store(true)
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// cannotPack is what git says to whoever fetches when the program that packs has died. Of a repository on this
// machine that program has the fetch's own limits.
const cannotPack = "possible repository corruption on the remote side"

// auth returns the request's credentials as go-git takes them; they never become part of
// the URL, which errors name.
func (m *mirror) auth() transport.AuthMethod {
	if m.ssh != nil {
		return m.ssh.auth
	}
	q := m.q
	if q.Username == "" && q.Password == "" || strings.HasPrefix(q.URL, "file:") {
		return nil
	}
	username := q.Username
	if username == "" {
		username = "token" // forges take any name beside an access token, but not none
	}
	return &githttp.BasicAuth{Username: username, Password: q.Password}
}

// explain says in a person's words what went wrong between us and the repository. What
// the server wrote is not repeated.
func (m *mirror) explain(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if unexpected, ok := errors.AsType[*plumbing.UnexpectedError](err); ok {
		err = unexpected.Err // it does not unwrap by itself
	}
	if f := m.ssh.explain(err, m.q.URL, m.q.Source); f != nil {
		return f
	}
	fetchFailed := crontopus.ReasonFetchFailed
	switch guarded, isGuarded := errors.AsType[*crontopus.Error](err); {
	case isGuarded:
		return stalled(fetchFailed, "%s; %s", guarded.Message, guarded.Hint)
	case m.remote.exceeded.Load():
		return stalled(crontopus.ReasonVerificationFailed, "the repository's answer is larger than %s", crontopus.Size(maxBytes))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, syscall.EFBIG):
		return m.q.Limits.tooMuchDisk()
	case strings.HasPrefix(m.q.URL, "file:") && strings.Contains(err.Error(), cannotPack):
		return stalled(fetchFailed, "git cannot send this repository within the %s of memory that a fetch may have: "+
			"a file of its branch is too large, or `git fsck` there finds it damaged; mend that, and sync again", crontopus.Size(m.q.Limits.Memory))
	case errors.Is(err, errRedirected):
		return stalled(fetchFailed, "the server redirects to another host or to plain http; if that is right, add the source with the new address")
	case errors.Is(err, transport.ErrAuthenticationRequired) && m.q.Password == "":
		return stalled(crontopus.ReasonAuthenticationFailed, "%s asks for credentials, and the source has none; give it some: %s --username NAME --password-file F", m.q.URL, m.q.anew())
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return stalled(crontopus.ReasonAuthenticationFailed, "%s does not accept the source's credentials; the token may have expired or may not read this repository; give it another: %s --password-file F", m.q.URL, m.q.anew())
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return transient("there is no repository at %s, or the source's credentials do not show it", m.q.URL)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return transient("the repository has no commit yet; push branch %s", m.q.Branch)
	}
	if answer, ok := errors.AsType[*githttp.Err](err); ok {
		return transient("%s answered with status %d", m.q.URL, answer.StatusCode())
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return transient("%s did not answer in time", m.q.URL)
	}
	cause := err
	if u, ok := errors.AsType[*url.Error](err); ok {
		cause = u.Err
	}
	return transient("cannot fetch %s: %s", m.q.URL, m.q.redact(cause.Error()))
}

// redact makes a foreign text fit for a message: short, printable, without the password.
func (q *fetchRequest) redact(text string) string {
	if q.Password != "" {
		text = strings.ReplaceAll(text, q.Password, "…")
	}
	return tidy(text, 300)
}

// tidy makes a foreign text one printable line of at most limit characters.
func tidy(text string, limit int) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if runes := []rune(clean); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return strings.TrimSpace(clean)
}
