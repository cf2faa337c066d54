package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestEachCINamesItsPullRequest(t *testing.T) {
	t.Parallel()
	const token = "CRONTOPUS_COMMENT_TOKEN=t"
	for _, c := range []struct {
		name      string
		env       string
		list, one string
		why       string
	}{
		{"GitHub Actions", "GITHUB_ACTIONS=true GITHUB_API_URL=https://api.github.com GITHUB_REPOSITORY=o/r GITHUB_REF=refs/pull/7/merge " + token,
			"https://api.github.com/repos/o/r/issues/7/comments", "https://api.github.com/repos/o/r/issues/comments/", ""},
		{"Forgejo Actions", "GITHUB_ACTIONS=true GITHUB_API_URL=https://f.example.com/api/v1 GITHUB_REPOSITORY=o/r GITHUB_REF=refs/pull/7/head " + token,
			"https://f.example.com/api/v1/repos/o/r/issues/7/comments", "https://f.example.com/api/v1/repos/o/r/issues/comments/", ""},
		{"GitLab CI", "CI=true GITLAB_CI=true CI_API_V4_URL=https://g.example.com/api/v4 CI_PROJECT_ID=5 CI_MERGE_REQUEST_IID=7 " + token,
			"https://g.example.com/api/v4/projects/5/merge_requests/7/notes", "https://g.example.com/api/v4/projects/5/merge_requests/7/notes/", ""},
		{"Woodpecker with Forgejo", "CI=woodpecker CI_FORGE_TYPE=forgejo CI_FORGE_URL=https://f.example.com/ CI_REPO=o/r CI_COMMIT_PULL_REQUEST=7 " + token,
			"https://f.example.com/api/v1/repos/o/r/issues/7/comments", "https://f.example.com/api/v1/repos/o/r/issues/comments/", ""},
		{"Woodpecker with GitHub", "CI=woodpecker CI_FORGE_TYPE=github CI_FORGE_URL=https://github.com CI_REPO=o/r CI_COMMIT_PULL_REQUEST=7 " + token,
			"https://api.github.com/repos/o/r/issues/7/comments", "https://api.github.com/repos/o/r/issues/comments/", ""},
		{"Woodpecker with GitLab", "CI=woodpecker CI_FORGE_TYPE=gitlab CI_FORGE_URL=https://g.example.com CI_REPO=o/s/r CI_COMMIT_PULL_REQUEST=7 " + token,
			"https://g.example.com/api/v4/projects/o%2Fs%2Fr/merge_requests/7/notes", "https://g.example.com/api/v4/projects/o%2Fs%2Fr/merge_requests/7/notes/", ""},
		{"a push", "GITHUB_ACTIONS=true GITHUB_API_URL=https://api.github.com GITHUB_REPOSITORY=o/r GITHUB_REF=refs/heads/pull/7/x " + token, "", "", "this run is for no pull request"},
		{"a fork, which gets no secrets", "CI=woodpecker CI_FORGE_TYPE=forgejo CI_FORGE_URL=https://f.example.com CI_REPO=o/r CI_COMMIT_PULL_REQUEST=7", "", "", "CRONTOPUS_COMMENT_TOKEN is not set"},
		{"a person", token, "", "", "no CI that is known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{}
			for setting := range strings.FieldsSeq(c.env) {
				name, value, _ := strings.Cut(setting, "=")
				env[name] = value
			}
			pull, why := pullRequest(func(name string) string { return env[name] })
			require.Contains(t, why, c.why)
			if c.why != "" {
				require.Nil(t, pull)
				return
			}
			require.Equal(t, c.list, pull.list)
			require.Equal(t, c.one, pull.one)
		})
	}
}

// forge keeps comments as GitHub does, or, without pages, as Forgejo does.
type forge struct {
	t     *testing.T
	pages bool
	self  map[string]any // who asks; nil: it does not tell
	asks  map[string]any // who asks in truth; nil: runner
	key   string         // of who wrote a comment: user, or author
	all   []map[string]any
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "token right" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message": "Resource not accessible by integration"}`)
		return
	}
	var sent map[string]any
	if r.Method != http.MethodGet {
		f.must(json.NewDecoder(r.Body).Decode(&sent))
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /self":
		if f.self == nil {
			w.WriteHeader(http.StatusForbidden) // as GitHub, to the token of a run
			return
		}
		f.must(json.NewEncoder(w).Encode(f.self))
	case "GET /list":
		page, from, to := 1, 0, len(f.all)
		if _, err := fmt.Sscan(r.URL.Query().Get("page"), &page); err == nil && f.pages {
			from, to = min(to, (page-1)*pageSize), min(to, page*pageSize)
		}
		f.must(json.NewEncoder(w).Encode(f.all[from:to]))
	case "POST /list":
		who := runner
		if f.asks != nil {
			who = f.asks
		}
		f.add(who, sent["body"].(string))
		w.WriteHeader(http.StatusCreated)
		f.must(json.NewEncoder(w).Encode(f.all[len(f.all)-1]))
	default:
		var id int
		_, err := fmt.Sscanf(r.Method+" "+r.URL.Path, "PATCH /one/%d", &id)
		f.must(err)
		f.all[id-1]["body"] = sent["body"]
	}
}

func (f *forge) add(who map[string]any, body string) {
	f.all = append(f.all, map[string]any{"id": len(f.all) + 1, "body": body, cmp.Or(f.key, "user"): who})
}

func (f *forge) thread(t *testing.T) *thread {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return &thread{self: server.URL + "/self", list: server.URL + "/list", one: server.URL + "/one/", change: http.MethodPatch, header: "Authorization", token: "token right"}
}

// runner is the user that CI has, actions the one that runs have on Forgejo; people are others.
var (
	runner  = map[string]any{"id": 41, "login": "runner[bot]", "type": "Bot"}
	actions = map[string]any{"id": -2, "login": "forgejo-actions"}
	person  = map[string]any{"id": 7, "login": "mallory", "type": "User"}
)

func TestNobodyElsesCommentIsChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key  string
		self, asks map[string]any
	}{
		{"the forge says who asks", "user", runner, runner},
		{"GitHub does not say it to a run", "user", nil, runner},
		{"Forgejo says it to a run", "user", actions, actions},
		{"Forgejo does not say it to a run", "user", nil, actions},
		{"GitLab calls the user an author", "author", runner, runner},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &forge{t: t, self: c.self, asks: c.asks, key: c.key, pages: true, all: []map[string]any{}}
			pull := f.thread(t)
			forged := "nothing changes, merge it\n\n" + commented
			f.add(person, forged)
			for _, text := range []string{"one job goes\n", "two jobs go\n"} {
				_, err := pull.put(t.Context(), text)
				require.NoError(t, err)
			}
			f.add(c.asks, "somebody quoted "+commented+" and more")
			_, err := pull.put(t.Context(), "three jobs go\n")
			require.NoError(t, err)
			require.Len(t, f.all, 3)
			require.Equal(t, forged, f.all[0]["body"])
			require.Equal(t, "three jobs go\n\n"+commented, f.all[1]["body"])
			require.Contains(t, f.all[2]["body"], "and more")
		})
	}
}

func TestThereIsOneCommentHoweverOftenCIRuns(t *testing.T) {
	t.Parallel()
	for name, pages := range map[string]bool{"a forge with pages": true, "one without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &forge{t: t, self: runner, pages: pages, all: []map[string]any{}}
			pull := f.thread(t)
			for i := range 250 {
				f.add(person, fmt.Sprint("what people say ", i))
			}
			done, err := pull.put(t.Context(), "one <b>job</b> changes\n")
			require.NoError(t, err)
			require.Equal(t, "the pull request has a comment", done)
			for range 120 {
				f.add(person, "more")
			}
			done, err = pull.put(t.Context(), "two jobs change\n")
			require.NoError(t, err)
			require.Equal(t, "the comment on the pull request was changed", done)
			require.Len(t, f.all, 371)
			require.Equal(t, "two jobs change\n\n"+commented, f.all[250]["body"])
		})
	}
}

func TestATokenThatDoesNotKnowItsOwnCommentIsSaid(t *testing.T) {
	t.Parallel()
	f := &forge{t: t, asks: map[string]any{"id": 9, "login": "ci"}, all: []map[string]any{}}
	done, err := f.thread(t).put(t.Context(), "one job changes\n")
	require.NoError(t, err)
	require.Contains(t, done, "the next run adds another")
	require.Contains(t, done, "read:user")
}

func TestATokenThatMayNotWriteIsSaid(t *testing.T) {
	t.Parallel()
	pull := (&forge{t: t}).thread(t)
	pull.token = "token wrong"
	_, err := pull.put(t.Context(), "x")
	require.ErrorContains(t, err, `the forge refuses the comment with 403: "Resource not accessible by integration"`)
	require.Contains(t, crontopus.ErrorHint(err), "pull-requests: write")
}

func TestTheTokenIsNotCarriedElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked elsewhere") }))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	pull := &thread{list: server.URL, header: "PRIVATE-TOKEN", token: "secret"}
	_, err := pull.put(t.Context(), "x")
	require.ErrorContains(t, err, "with 307")
}

// must is for the handler, which does not run where a test may end.
func (f *forge) must(err error) {
	if err != nil {
		f.t.Error(err)
	}
}
