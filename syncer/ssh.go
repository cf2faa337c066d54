package syncer

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/net/proxy"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/netguard"
)

// checkSSH is CheckURL for the addresses that crontopus.ParseSSH knows.
func checkSSH(u *url.URL, opts Options) error {
	_, hasPassword := u.User.Password()
	switch path := strings.TrimLeft(u.Path, "/"); {
	case hasPassword:
		return crontopus.Errorf(crontopus.CodeInvalid, "the address holds a password, which would be shown to everybody").
			WithHint("leave it out and give the source a deploy key, --ssh-key-file")
	case u.User.Username() == "":
		return crontopus.Errorf(crontopus.CodeInvalid, "the address names no user to log in as").
			WithHint("write it like ssh://git@git.example.com/team/jobs.git or git@git.example.com:team/jobs.git")
	case path == "" || path[0] == '-':
		return crontopus.Errorf(crontopus.CodeInvalid, "the address names no repository").
			WithHint("write it like ssh://git@git.example.com/team/jobs.git or git@git.example.com:team/jobs.git")
	}
	return checkHost(u, netguard.Guard{Allow: opts.AllowNetworks})
}

// guardScheme is the proxy that is none: naming it makes go-git dial through the guard.
const guardScheme = "crontopus-guard"

// sshRemote is how the child speaks ssh: guarded, with a bounded answer, to a server whose
// key the source's owner knows.
type sshRemote struct {
	auth     transport.AuthMethod
	guard    netguard.Guard
	refusal  *failure // of the server's key, by the callback
	exceeded *atomic.Bool
}

// newSSH prepares the connection. go-git dials through a global table of proxies and would
// read the user's own ssh configuration; both are set for this process alone.
func (q *fetchRequest) newSSH(u *url.URL, exceeded *atomic.Bool) (*sshRemote, error) {
	if q.SSHKey == "" {
		return nil, stalled(crontopus.ReasonAuthenticationFailed,
			"%s is fetched by ssh, and the source has no key; give it one: %s --ssh-key-file F --known-hosts-file F", q.URL, q.anew())
	}
	keys, err := gitssh.NewPublicKeys(u.User.Username(), []byte(q.SSHKey), "")
	if err != nil {
		return nil, stalled(crontopus.ReasonAuthenticationFailed,
			"the source's ssh key cannot be used; give it a private key in PEM or OpenSSH form that has no passphrase: %s --ssh-key-file F", q.anew())
	}
	r := &sshRemote{guard: netguard.Guard{Allow: q.AllowNetworks}, exceeded: exceeded}
	if err := r.trust(q, u, keys); err != nil {
		return nil, err
	}
	gitssh.DefaultSSHConfig = nil
	proxy.RegisterDialerType(guardScheme, func(*url.URL, proxy.Dialer) (proxy.Dialer, error) { return r, nil })
	r.auth = keys
	return r, nil
}

// trust makes the connection fail unless the server has a key that the known_hosts lines name.
func (r *sshRemote) trust(q *fetchRequest, u *url.URL, keys *gitssh.PublicKeys) error {
	file := q.Mirror + ".known_hosts"
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(q.KnownHosts+"\n"), 0o600)); err != nil {
		return err
	}
	defer os.Remove(file) //nolint:errcheck // it holds public keys, and the next fetch writes it again
	db, err := gitssh.NewKnownHostsDb(file)
	if err != nil {
		return untrusted("the source's known_hosts lines cannot be read; make them with: %s > F, then %s --known-hosts-file F", crontopus.Keyscan(u), q.anew())
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	check := db.HostKeyCallback()
	keys.HostKeyAlgorithms = db.HostKeyAlgorithms(net.JoinHostPort(u.Hostname(), port))
	keys.HostKeyCallback = func(host string, remote net.Addr, key ssh.PublicKey) error {
		err := check(host, remote, key)
		if err == nil {
			return nil
		}
		if _, ok := errors.AsType[*knownhosts.RevokedError](err); ok {
			// Whoever holds the private half may be anybody: nothing leads to trusting it again.
			r.refusal = untrusted(
				"the key of %s, %s, is marked @revoked in the source's known_hosts lines; let the server's operator give it another, and then the source its line: %s > F, then %s --known-hosts-file F",
				host, ssh.FingerprintSHA256(key), crontopus.Keyscan(u), q.anew())
			return err
		}
		what := "is not known"
		if unknown, ok := errors.AsType[*knownhosts.KeyError](err); ok && len(unknown.Want) > 0 {
			what = "is another than the one that the source's known_hosts lines name"
		}
		r.refusal = untrusted(
			"the key of %s, %s, %s; compare it with what its operator publishes, and give the source its line: %s > F, then %s --known-hosts-file F",
			host, ssh.FingerprintSHA256(key), what, crontopus.Keyscan(u), q.anew())
		return err
	}
	return nil
}

// untrusted is what is said of a server that is not known to be the right one.
func untrusted(format string, args ...any) *failure {
	f := stalled(crontopus.ReasonVerificationFailed, format, args...)
	f.Unread = true
	return f
}

// proxyOptions makes go-git dial through DialContext below.
func (r *sshRemote) proxyOptions() transport.ProxyOptions {
	if r == nil {
		return transport.ProxyOptions{}
	}
	return transport.ProxyOptions{URL: guardScheme + "://guard"}
}

// Dial is a proxy.Dialer's.
func (r *sshRemote) Dial(network, address string) (net.Conn, error) {
	return r.DialContext(context.Background(), network, address)
}

// DialContext is a proxy.ContextDialer's: guarded, and what is read is bounded.
func (r *sshRemote) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := r.guard.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn, bounded: boundedBody{ReadCloser: conn, left: maxBytes, exceeded: r.exceeded}}, nil
}

type boundedConn struct {
	net.Conn

	bounded boundedBody
}

func (c *boundedConn) Read(p []byte) (int, error) { return c.bounded.Read(p) }

// explain says what only ssh can go wrong with, nil if it was something else.
func (r *sshRemote) explain(err error, where, source string) *failure {
	switch {
	case r == nil:
		return nil
	case r.refusal != nil:
		return r.refusal
	case strings.Contains(err.Error(), "ssh: unable to authenticate"): // it has no type
		return stalled(crontopus.ReasonAuthenticationFailed,
			"%s does not accept the source's ssh key; add the public half to the repository as a deploy key that may read, or give the source another: %s --ssh-key-file F",
			where, credentialsAnew(source))
	}
	return nil
}
