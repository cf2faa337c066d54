// Package netguard keeps outgoing connections away from addresses that a tenant must
// not reach through this server: its own loopback, the cloud's metadata service, the
// private network around it. It looks at the address that a name resolved to, at the
// moment of dialling, so a name that resolves otherwise the second time gains nothing.
// It knows nothing of jobs. Every package may import it.
package netguard

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"crontopus.dev/crontopus"
)

// Guard says which addresses may be dialled: public ones, and those in Allow. The zero
// value allows public addresses only.
type Guard struct {
	Allow       []netip.Prefix
	AllowedOnly bool // refuse public addresses too; for plain http, which only a trusted network may carry
}

// Check returns nil if addr may be dialled. The error has the code "forbidden" and names the
// flag that opens the network.
func (g Guard) Check(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	for _, p := range g.Allow {
		if p.Contains(addr) {
			return nil
		}
	}
	reason := "plain http is allowed inside a trusted network only"
	if block, blocked := find(addr); blocked {
		reason = "it is " + block.what
	} else if !g.AllowedOnly {
		return nil
	}
	return crontopus.Errorf(crontopus.CodeForbidden, "connections to %s are not allowed: %s", addr, reason).
		WithHint("if this address is meant to be reached, start the server with --allow-network %s", hostPrefix(addr))
}

// hostPrefix is the narrowest network that holds addr.
func hostPrefix(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// Control is a net.Dialer's: it is called with the resolved address before each connect.
func (g Guard) Control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return crontopus.Errorf(crontopus.CodeForbidden, "connections to %q are not allowed: it is not an IP address and port", address)
	}
	return g.Check(ap.Addr())
}

// DialContext dials as net.Dialer does, guarded.
func (g Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: g.Control}
	return d.DialContext(ctx, network, address)
}

// Transport returns an HTTP transport that dials through the guard. It uses no proxy, whatever
// the environment says: a proxy would dial in its stead, unguarded.
func (g Guard) Transport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            g.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           16,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}
