package demo_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/app/demo"
)

const (
	zero = "0000000000000000000000000000000000000000"
	old  = "1111111111111111111111111111111111111111"
	tip  = "2222222222222222222222222222222222222222"
)

// delivery is a webhook as its receiver saw it.
type delivery struct {
	header http.Header
	body   []byte
}

// receiver takes webhooks and answers each with a status.
func receiver(t *testing.T, status int, says string) (url string, got *[]delivery) {
	t.Helper()
	got = &[]delivery{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = append(*got, delivery{r.Header, body})
		w.WriteHeader(status)
		_, _ = io.WriteString(w, says)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/hooks/forgejo/s1", got
}

// hooked sets what the post-receive hook of the demo's repository is told.
func hooked(t *testing.T, url, secret string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	t.Setenv("CRONTOPUS_DEMO_WEBHOOK_URL", url)
	t.Setenv("CRONTOPUS_DEMO_WEBHOOK_SECRET_FILE", file)
}

func TestWebhookIsSignedAsForgejoSignsIt(t *testing.T) {
	url, got := receiver(t, http.StatusAccepted, "")
	hooked(t, url, "s3cret\n")
	require.NoError(t, demo.SendWebhook(t.Context(), strings.NewReader(old+" "+tip+" refs/heads/main\n")))
	require.Len(t, *got, 1)
	d := (*got)[0]
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(d.body)
	require.Equal(t, hex.EncodeToString(mac.Sum(nil)), d.header.Get("X-Forgejo-Signature"), "of the raw body, without the file's newline")
	require.Equal(t, "push", d.header.Get("X-Forgejo-Event"))
	require.Equal(t, "application/json", d.header.Get("Content-Type"))
	require.JSONEq(t, fmt.Sprintf(`{"ref":"refs/heads/main","before":%q,"after":%q,"commits":[]}`, old, tip), string(d.body))
}

func TestEachReferenceThatWasPushedIsADelivery(t *testing.T) {
	for _, c := range []struct {
		name, pushed string
		refs         []string
	}{
		{"nothing", "", nil},
		{"a new branch", zero + " " + tip + " refs/heads/main\n", []string{"refs/heads/main"}},
		{"a branch and a tag", old + " " + tip + " refs/heads/main\n" + zero + " " + tip + " refs/tags/v1\n", []string{"refs/heads/main", "refs/tags/v1"}},
		{"without a last newline", old + " " + tip + " refs/heads/main", []string{"refs/heads/main"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, got := receiver(t, http.StatusAccepted, "")
			hooked(t, url, "s3cret")
			require.NoError(t, demo.SendWebhook(t.Context(), strings.NewReader(c.pushed)))
			var refs []string
			for _, d := range *got {
				var body struct{ Ref string }
				require.NoError(t, json.Unmarshal(d.body, &body))
				refs = append(refs, body.Ref)
			}
			require.Equal(t, c.refs, refs)
		})
	}
}

func TestAWebhookThatWasNotTakenSaysWhy(t *testing.T) {
	push := old + " " + tip + " refs/heads/main\n"
	t.Run("refused", func(t *testing.T) {
		url, _ := receiver(t, http.StatusUnauthorized, "the signature is wrong")
		hooked(t, url, "s3cret")
		require.EqualError(t, demo.SendWebhook(t.Context(), strings.NewReader(push)), "the webhook was answered 401 Unauthorized: the signature is wrong")
	})
	t.Run("a page without end", func(t *testing.T) {
		url, _ := receiver(t, http.StatusInternalServerError, strings.Repeat("x", 1<<20))
		hooked(t, url, "s3cret")
		err := demo.SendWebhook(t.Context(), strings.NewReader(push))
		require.ErrorContains(t, err, "500 Internal Server Error")
		require.Less(t, len(err.Error()), 2<<10)
	})
	t.Run("the second of two is not sent after the first failed", func(t *testing.T) {
		url, got := receiver(t, http.StatusNotFound, "")
		hooked(t, url, "s3cret")
		require.Error(t, demo.SendWebhook(t.Context(), strings.NewReader(push+push)))
		require.Len(t, *got, 1)
	})
	t.Run("not what git says to a hook", func(t *testing.T) {
		url, got := receiver(t, http.StatusAccepted, "")
		hooked(t, url, "s3cret")
		require.EqualError(t, demo.SendWebhook(t.Context(), strings.NewReader("hello\n")), `a post-receive hook reads OLD NEW REF, not "hello"`)
		require.Empty(t, *got)
	})
	t.Run("no secret", func(t *testing.T) {
		t.Setenv("CRONTOPUS_DEMO_WEBHOOK_SECRET_FILE", "")
		require.ErrorContains(t, demo.SendWebhook(t.Context(), strings.NewReader(push)), "CRONTOPUS_DEMO_WEBHOOK_SECRET_FILE: ")
	})
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		hooked(t, "http://"+l.Addr().String(), "s3cret")
		require.ErrorContains(t, demo.SendWebhook(t.Context(), strings.NewReader(push)), "connection refused")
	})
}
