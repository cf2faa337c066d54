package syncer

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedirects(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		followed bool
	}{
		"another path":                 {"https://git.example.com/a", "https://git.example.com/b", true},
		"from http to https":           {"http://git.example.com/a", "https://git.example.com/a", true},
		"from https to http":           {"https://git.example.com/a", "http://git.example.com/a", false},
		"another host":                 {"https://git.example.com/a", "https://example.com/a", false},
		"a name that begins with ours": {"https://git.example.com/a", "https://git.example.com.evil.example/a", false},
		"the metadata service":         {"http://git.example.com/a", "http://169.254.169.254/latest", false},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := http.NewRequest(http.MethodGet, c.from, nil)
			require.NoError(t, err)
			to, err := http.NewRequest(http.MethodGet, c.to, nil)
			require.NoError(t, err)
			err = sameHost(to, []*http.Request{from})
			if c.followed {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errRedirected)
			}
		})
	}
}

func TestPlainHTTPIsKnownHoweverItIsSpelled(t *testing.T) {
	for url, plain := range map[string]bool{
		"http://git.example.com/a":  true,
		"HTTP://git.example.com/a":  true,
		"https://git.example.com/a": false,
		"file:///srv/a.git":         false,
	} {
		require.Equal(t, plain, (&fetchRequest{URL: url}).plain(), url)
	}
}
