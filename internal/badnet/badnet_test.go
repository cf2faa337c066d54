package badnet_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/internal/badnet"
)

func TestALinkIsSpoiledAndMended(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path) // the link may be cut
	}))
	defer server.Close()
	link := badnet.New(t, server.Listener.Addr().String())
	ask := func() (string, error) {
		client := &http.Client{Timeout: 200 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get(link.Through(t, server.URL+"/hello"))
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	for name, spoil := range map[string]func(){
		"cut":    link.Cut,
		"silent": func() { link.Spoil(t, "timeout", badnet.FromServer, nil) },
		"reset":  func() { link.Spoil(t, "reset_peer", badnet.ToServer, nil) },
		"slow":   func() { link.Spoil(t, "latency", badnet.ToServer, map[string]any{"latency": 1000}) },
	} {
		heard, err := ask()
		require.NoError(t, err)
		require.Equal(t, "/hello", heard)
		spoil()
		_, err = ask()
		require.Error(t, err, name)
		link.Mend(t)
	}
	_, err := ask()
	require.NoError(t, err)
}
