package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
)

func hexMAC(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// delivery is a webhook as a forge sent it.
type delivery struct {
	name, body string
	headers    []string
	event, ref string
}

func deliveries(t *testing.T) []delivery {
	files, err := filepath.Glob("testdata/forgejo/*/*.headers.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []delivery
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var sent struct {
			Headers map[string]string `json:"headers"`
		}
		require.NoError(t, json.Unmarshal(raw, &sent))
		body, err := os.ReadFile(strings.TrimSuffix(file, "headers.json") + "body.raw.json")
		require.NoError(t, err)
		d := delivery{name: file, body: string(body), event: sent.Headers["X-Gitea-Event"]}
		for name, value := range sent.Headers {
			if name != "Host" && name != "Content-Length" && name != "Accept-Encoding" {
				d.headers = append(d.headers, name+": "+value)
			}
		}
		var push struct {
			Ref string `json:"ref"`
		}
		require.NoError(t, json.Unmarshal(body, &push))
		d.ref = push.Ref
		all = append(all, d)
	}
	return all
}

func TestRealDeliveriesOfForgejoAndGitea(t *testing.T) {
	pushes := 0
	for _, d := range deliveries(t) {
		t.Run(d.name, func(t *testing.T) {
			s := newServer(t)
			r := s.send(http.MethodPost, "/hooks/forgejo/src-1", d.body, d.headers...)
			require.Equal(t, http.StatusAccepted, r.status, "%s", r.body)
			if d.event == "push" && d.ref == "refs/heads/main" {
				pushes++
				require.Equal(t, []string{"src-1"}, s.store.requests)
				require.EqualValues(t, 1, s.syncs.Load())
			} else {
				require.Empty(t, s.store.requests)
				require.Zero(t, s.syncs.Load())
			}
			changed := strings.Replace(d.body, "a", "b", 1)
			require.Equal(t, 401, s.send(http.MethodPost, "/hooks/forgejo/src-1", changed, d.headers...).status)
		})
	}
	require.Positive(t, pushes)
}

func TestWebhookAnswers(t *testing.T) {
	const push = `{"ref":"refs/heads/main"}`
	good := "X-Forgejo-Signature: " + hexMAC("s3cret", push)
	long := `{"ref":"` + strings.Repeat("x", 4<<20) + `"}`
	exact := `{"ref":"` + strings.Repeat("x", 3<<20-10) + `"}`
	for name, tc := range map[string]struct {
		id, body string
		headers  []string
		status   int
		syncs    int
	}{
		"signed by Forgejo":               {"src-1", push, []string{good}, 202, 1},
		"signed by Gitea":                 {"src-1", push, []string{"X-Gitea-Signature: " + hexMAC("s3cret", push)}, 202, 1},
		"signed as GitHub does":           {"src-1", push, []string{"X-Hub-Signature-256: sha256=" + hexMAC("s3cret", push)}, 202, 1},
		"hex in capitals":                 {"src-1", push, []string{"X-Forgejo-Signature: " + strings.ToUpper(hexMAC("s3cret", push))}, 202, 1},
		"no signature":                    {"src-1", push, nil, 401, 0},
		"empty signature":                 {"src-1", push, []string{"X-Forgejo-Signature: "}, 401, 0},
		"empty beside a good one":         {"src-1", push, []string{good, "X-Gitea-Signature: "}, 401, 0},
		"wrong beside a good one":         {"src-1", push, []string{good, "X-Hub-Signature-256: sha256=00"}, 401, 0},
		"wrong secret":                    {"src-1", push, []string{"X-Forgejo-Signature: " + hexMAC("secret", push)}, 401, 0},
		"empty secret":                    {"src-1", push, []string{"X-Forgejo-Signature: " + hexMAC("", push)}, 401, 0},
		"half of the signature":           {"src-1", push, []string{good[:len(good)-2]}, 401, 0},
		"prefix where none belongs":       {"src-1", push, []string{"X-Forgejo-Signature: sha256=" + hexMAC("s3cret", push)}, 401, 0},
		"no prefix where one belongs":     {"src-1", push, []string{"X-Hub-Signature-256: " + hexMAC("s3cret", push)}, 401, 0},
		"SHA-1 only":                      {"src-1", push, []string{"X-Hub-Signature: sha1=00"}, 401, 0},
		"unknown source":                  {"src-2", push, []string{good}, 401, 0},
		"unknown source, empty secret":    {"src-2", push, []string{"X-Forgejo-Signature: " + hexMAC("", push)}, 401, 0},
		"nothing, unsigned":               {"src-1", "", nil, 401, 0},
		"nothing, signed":                 {"src-1", "", []string{"X-Forgejo-Signature: " + hexMAC("s3cret", "")}, 400, 0},
		"malformed":                       {"src-1", "{", []string{"X-Forgejo-Signature: " + hexMAC("s3cret", "{")}, 400, 0},
		"malformed, unsigned":             {"src-1", "{", nil, 401, 0},
		"ref is no text":                  {"src-1", `{"ref":1}`, []string{"X-Forgejo-Signature: " + hexMAC("s3cret", `{"ref":1}`)}, 400, 0},
		"another branch":                  {"src-1", `{"ref":"refs/heads/dev"}`, []string{"X-Forgejo-Signature: " + hexMAC("s3cret", `{"ref":"refs/heads/dev"}`)}, 202, 0},
		"a tag of the branch's name":      {"src-1", `{"ref":"refs/tags/main"}`, []string{"X-Forgejo-Signature: " + hexMAC("s3cret", `{"ref":"refs/tags/main"}`)}, 202, 0},
		"another event":                   {"src-1", push, []string{good, "X-Forgejo-Event: delete"}, 202, 0},
		"4 MiB, unsigned":                 {"src-1", long, nil, 413, 0},
		"4 MiB, signed":                   {"src-1", long, []string{"X-Forgejo-Signature: " + hexMAC("s3cret", long)}, 413, 0},
		"3 MiB, signed":                   {"src-1", exact, []string{"X-Forgejo-Signature: " + hexMAC("s3cret", exact)}, 202, 0},
		"secret of 401 told by no detail": {"none", push, []string{good}, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			r := s.send(http.MethodPost, "/hooks/forgejo/"+tc.id, tc.body, tc.headers...)
			require.Equal(t, tc.status, r.status, "%.300s", r.body)
			require.Len(t, s.store.requests, tc.syncs)
			if tc.status >= 400 {
				r.problem(t)
			}
		})
	}
}

func TestUnknownSourceAnswersAsAWrongSignatureDoes(t *testing.T) {
	s := newServer(t)
	wrong := s.send(http.MethodPost, "/hooks/forgejo/src-1", "{}").problem(t)
	unknown := s.send(http.MethodPost, "/hooks/forgejo/src-2", "{}").problem(t)
	wrong.RequestID, unknown.RequestID = "", ""
	require.Equal(t, wrong, unknown)
}

func TestReplayedWebhookAsksForNothingMoreThanASync(t *testing.T) {
	s := newServer(t)
	const push = `{"ref":"refs/heads/main"}`
	for range 3 {
		require.Equal(t, 202, s.send(http.MethodPost, "/hooks/forgejo/src-1", push, "X-Forgejo-Signature: "+hexMAC("s3cret", push)).status)
	}
	require.Len(t, s.store.requests, 3) // the store keeps one flag for all
}

func TestSuspendedOrRemovedSourceIgnoresItsWebhook(t *testing.T) {
	const push = `{"ref":"refs/heads/main"}`
	s := newServer(t)
	require.NoError(t, s.as(crontopus.RoleOperator).SuspendSource(t.Context(), "ops"))
	require.Equal(t, 202, s.send(http.MethodPost, "/hooks/forgejo/src-1", push, "X-Forgejo-Signature: "+hexMAC("s3cret", push)).status)
	require.Empty(t, s.store.requests)
}

func FuzzWebhook(f *testing.F) {
	// Small seeds: the fuzzer spends its time on making large ones smaller.
	for _, body := range []string{`{"ref":"refs/heads/main"}`, `{"ref":"refs/heads/x","commits":[]}`, `{"ref":1}`, `[]`, `{`, ``} {
		f.Add([]byte(body), hexMAC("s3cret", body), "push")
		f.Add([]byte(body), "", "create")
	}
	store := newFakeStore()
	store.sources["src-1"] = crontopus.Source{ID: "src-1", Branch: "main"}
	store.secrets["src-1"] = crontopus.SourceSecrets{WebhookSecret: "s3cret"}
	handler, err := api.New(api.Options{Store: store, Log: slog.New(slog.DiscardHandler),
		Installation: crontopus.Installation{ID: installationID}, Keys: api.Keys{Set: crontopus.KeySet{Keys: []crontopus.Key{{ID: "k"}}}}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte, signature, event string) {
		for _, sign := range []string{signature, hexMAC("s3cret", string(body))} {
			store.requests = nil
			r := httptest.NewRequest(http.MethodPost, "/hooks/forgejo/src-1", strings.NewReader(string(body)))
			r.Header.Set("X-Forgejo-Signature", sign)
			r.Header.Set("X-Forgejo-Event", event)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			genuine := strings.EqualFold(sign, hexMAC("s3cret", string(body)))
			switch {
			case !genuine && len(body) <= 3<<20:
				require.Equal(t, 401, w.Code)
			case !json.Valid(body) && len(body) <= 3<<20:
				require.Equal(t, 400, w.Code)
			default:
				require.Contains(t, []int{202, 400, 413}, w.Code)
			}
			require.True(t, genuine || len(store.requests) == 0)
		}
	})
}
