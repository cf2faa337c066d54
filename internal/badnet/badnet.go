// Package badnet is a network between two programs of a test that the test may spoil: slow,
// narrow, cut or silent. It is toxiproxy, in the test's own process.
//
// It knows nothing of jobs and imports the test libraries only.
package badnet

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// Link leads to one server.
type Link struct {
	proxy  *toxiproxy.Proxy
	toxics []string // names of what spoils it
}

// New returns a good link to the server at a TCP address. It ends with the test.
func New(t testing.TB, address string) *Link {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // some of what toxiproxy says goes to nobody's logger
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(server, "link", "127.0.0.1:0", address)}
	require.NoError(t, l.proxy.Start())
	t.Cleanup(l.proxy.Stop)
	return l
}

// Through is a URL of the server by way of this link.
func (l *Link) Through(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Host = l.proxy.Listen
	return u.String()
}

// The directions in which something travels.
const (
	ToServer   = "upstream"
	FromServer = "downstream"
)

// Spoil adds one of toxiproxy's toxics to one direction, for connections that are open and
// those to come: https://github.com/Shopify/toxiproxy#toxics.
func (l *Link) Spoil(t testing.TB, toxic, direction string, attributes map[string]any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"type": toxic, "stream": direction, "attributes": attributes})
	require.NoError(t, err)
	made, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	require.NoError(t, err)
	l.toxics = append(l.toxics, made.Name)
}

// Cut closes every connection, and refuses new ones.
func (l *Link) Cut() { l.proxy.Stop() }

// Mend makes the link good again, for new connections at least.
func (l *Link) Mend(t testing.TB) {
	t.Helper()
	for _, name := range l.toxics {
		require.NoError(t, l.proxy.Toxics.RemoveToxic(context.Background(), name))
	}
	l.toxics = nil
	if !l.proxy.Enabled {
		require.NoError(t, l.proxy.Start())
	}
}
