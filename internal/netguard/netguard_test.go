package netguard_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/netguard"
)

func TestClosedUnlessAllowed(t *testing.T) {
	for name, addr := range map[string]string{
		"loopback":                    "127.0.0.1",
		"loopback, far end":           "127.255.255.254",
		"loopback v6":                 "::1",
		"loopback mapped into v6":     "::ffff:127.0.0.1",
		"loopback, v4-compatible":     "::127.0.0.1",
		"loopback, v4-translated":     "::ffff:0:127.0.0.1",
		"loopback behind NAT64":       "64:ff9b::7f00:1",
		"loopback behind local NAT64": "64:ff9b:1::7f00:1",
		"loopback behind 6to4":        "2002:7f00:1::",
		"teredo":                      "2001:0:1::1",
		"unspecified":                 "0.0.0.0",
		"unspecified v6":              "::",
		"this network":                "0.1.2.3",
		"private 10":                  "10.1.2.3",
		"private 172.16":              "172.31.255.255",
		"private 192.168":             "192.168.1.1",
		"private mapped into v6":      "::ffff:10.0.0.1",
		"unique local":                "fd12::1",
		"carrier":                     "100.64.0.1",
		"carrier, far end":            "100.127.255.255",
		"link-local":                  "169.254.1.1",
		"link-local v6":               "fe80::1",
		"link-local v6 with a zone":   "fe80::1%eth0",
		"site-local v6":               "fec0::1",
		"metadata":                    "169.254.169.254",
		"metadata v6":                 "fd00:ec2::254",
		"metadata of another cloud":   "100.100.100.200",
		"host agent in public space":  "168.63.129.16",
		"multicast":                   "224.0.0.1",
		"multicast v6":                "ff02::1",
		"broadcast":                   "255.255.255.255",
		"benchmarks":                  "198.18.0.1",
		"documentation":               "192.0.2.1",
	} {
		t.Run(name, func(t *testing.T) {
			a := netip.MustParseAddr(addr)
			err := netguard.Guard{}.Check(a)
			require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
			require.Contains(t, crontopus.ErrorHint(err), "--allow-network ")

			plain := a.WithZone("").Unmap()
			opened := netguard.Guard{Allow: []netip.Prefix{netip.PrefixFrom(plain, plain.BitLen())}}
			require.NoError(t, opened.Check(a), "the range that the hint names opens it")
		})
	}
}

func TestPublicAddressesAreOpen(t *testing.T) {
	for _, addr := range []string{
		"1.1.1.1", "9.9.9.9", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1",
		"192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1",
	} {
		require.NoError(t, netguard.Guard{}.Check(netip.MustParseAddr(addr)), addr)
	}
}

func TestAllowOpensOnlyItsOwnRange(t *testing.T) {
	g := netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	require.NoError(t, g.Check(netip.MustParseAddr("10.1.200.3")))
	require.NoError(t, g.Check(netip.MustParseAddr("::ffff:10.1.200.3")))
	require.Error(t, g.Check(netip.MustParseAddr("10.2.0.1")))
	require.NoError(t, g.Check(netip.MustParseAddr("1.1.1.1")))
}

func TestAllowedOnlyClosesPublicAddressesToo(t *testing.T) {
	g := netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, AllowedOnly: true}
	require.NoError(t, g.Check(netip.MustParseAddr("10.1.0.1")))
	err := g.Check(netip.MustParseAddr("1.1.1.1"))
	require.ErrorContains(t, err, "plain http")
	require.Contains(t, crontopus.ErrorHint(err), "--allow-network 1.1.1.1/32")
}

func TestControlRefusesWhatIsNoAddress(t *testing.T) {
	require.Error(t, netguard.Guard{}.Control("unix", "/run/docker.sock", nil))
	require.Error(t, netguard.Guard{}.Check(netip.Addr{}))
}

func TestTransportChecksTheResolvedAddress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	url := "http://localhost:" + port

	_, err = (&http.Client{Transport: netguard.Guard{}.Transport()}).Get(url)
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err), "%v", err)

	loopback := netguard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	response, err := (&http.Client{Transport: loopback.Transport()}).Get(url)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

func TestTransportGoesAroundNoProxy(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)

	_, err := (&http.Client{Transport: netguard.Guard{}.Transport()}).Get("http://169.254.169.254/latest/meta-data/")
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err), "%v", err)
	require.False(t, proxied)
}
