package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
)

func newCommentCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "comment",
		Short: "Put a text on the pull request that CI runs for",
		Long: `Reads Markdown from standard input, such as what "crontopus diff -o markdown" writes, and
puts it on the pull request that this run of CI is for. The next run changes that comment
instead of adding another, and never one that somebody else has written.

The pull request is the one that GitHub Actions, Forgejo Actions, GitLab CI or Woodpecker
name in the environment. The token comes from $CRONTOPUS_COMMENT_TOKEN and must be allowed
to write comments. Without it, and where there is no pull request, the text is printed.`,
		Example: `  crontopus diff --base origin/main -o markdown | crontopus comment`,
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxComment+1))
			switch {
			case err != nil:
				return err
			case len(text) > maxComment:
				return crontopus.Errorf(crontopus.CodeTooLarge, "the text has more than %d KiB", maxComment>>10).WithHint("no forge takes a longer comment")
			case len(bytes.TrimSpace(text)) == 0:
				cmd.PrintErrln("there is no text, so there is no comment")
				return nil
			}
			pull, why := pullRequest(os.Getenv)
			if pull == nil {
				cmd.PrintErrln(why)
				_, err := cmd.OutOrStdout().Write(text)
				return err
			}
			done, err := pull.put(cmd.Context(), string(text))
			if err != nil {
				return err
			}
			cmd.PrintErrln(done)
			return nil
		},
	}
}

const (
	maxComment = 64 << 10
	commented  = "<!-- crontopus comment -->" // how the next run knows its comment; no page shows it
)

// thread is the comments of a pull request on a forge.
type thread struct {
	self   string // where the forge says who asks
	list   string // where all are, and new ones go
	one    string // what the id of one is appended to
	change string // the method that changes one
	header string
	token  string // what the header says
}

// pullRequest finds the pull request that CI tells of in the environment. Where there is
// none that could be commented, it says why.
func pullRequest(env func(string) string) (*thread, string) {
	var kind, api, repository, number string
	switch {
	case env("GITHUB_ACTIONS") == "true": // Forgejo's, too
		kind, api, repository = "github", env("GITHUB_API_URL"), env("GITHUB_REPOSITORY")
		if ref, isPull := strings.CutPrefix(env("GITHUB_REF"), "refs/pull/"); isPull {
			number, _, _ = strings.Cut(ref, "/")
		}
	case env("GITLAB_CI") == "true":
		kind, api, repository, number = "gitlab", env("CI_API_V4_URL"), env("CI_PROJECT_ID"), env("CI_MERGE_REQUEST_IID")
	case env("CI") == "woodpecker":
		forge := strings.TrimSuffix(env("CI_FORGE_URL"), "/")
		kind, repository, number = env("CI_FORGE_TYPE"), env("CI_REPO"), env("CI_COMMIT_PULL_REQUEST")
		switch {
		case kind == "gitlab":
			api, repository = forge+"/api/v4", url.PathEscape(repository)
		case forge == "https://github.com":
			api = "https://api.github.com"
		case kind == "github":
			api = forge + "/api/v3"
		default:
			api = forge + "/api/v1"
		}
	default:
		return nil, "no CI that is known has started this: the text is printed"
	}
	if number == "" || strings.Trim(number, "0123456789") != "" || api == "" || repository == "" {
		return nil, "this run is for no pull request: the text is printed"
	}
	token := env("CRONTOPUS_COMMENT_TOKEN")
	if token == "" {
		return nil, "CRONTOPUS_COMMENT_TOKEN is not set: the text is printed"
	}
	if kind == "gitlab" {
		notes := fmt.Sprintf("%s/projects/%s/merge_requests/%s/notes", api, repository, number)
		return &thread{self: api + "/user", list: notes, one: notes + "/", change: http.MethodPut, header: "PRIVATE-TOKEN", token: token}, ""
	}
	issues := fmt.Sprintf("%s/repos/%s/issues/", api, repository)
	return &thread{self: api + "/user", list: issues + number + "/comments", one: issues + "comments/", change: http.MethodPatch, header: "Authorization", token: "token " + token}, ""
}

// put changes the comment of an earlier run, or adds one, and says which.
func (t *thread) put(ctx context.Context, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	wrote := t.wrote(ctx)
	id, err := t.find(ctx, wrote)
	if err != nil {
		return "", err
	}
	body := map[string]string{"body": strings.TrimRight(text, "\n") + "\n\n" + commented}
	if id != 0 {
		return "the comment on the pull request was changed", t.ask(ctx, t.change, fmt.Sprint(t.one, id), body, nil)
	}
	var made comment
	if err := t.ask(ctx, http.MethodPost, t.list, body, &made); err != nil {
		return "", err
	}
	if !wrote(made.who()) {
		return "the pull request has a comment, and the next run adds another: the forge does not say whose CRONTOPUS_COMMENT_TOKEN is; " +
			"on Forgejo and Gitea it needs read:user besides write:issue", nil
	}
	return "the pull request has a comment", nil
}

// pageSize and maxPages bound how many comments are looked through.
const pageSize, maxPages = 100, 50

// author is who wrote a comment, or who asks.
type author struct {
	ID   int64  `json:"id"`
	Type string `json:"type"` // GitHub's: a run of CI is a Bot
}

// actionsUser is whom a comment is of that the token of a run wrote on Forgejo or Gitea: no
// person's number is below zero.
const actionsUser = -2

// comment is one on a pull request.
type comment struct {
	ID     int64  `json:"id"`
	Body   string `json:"body"`
	User   author `json:"user"`
	Author author `json:"author"` // GitLab's
}

func (c *comment) who() author { return cmp.Or(c.User, c.Author) }

// wrote reports whether a comment is of whoever asks: anybody may write what looks like the
// comment of a run, and would have its result under his name, to change at will. Not every
// forge tells the token of a run who it is; but on GitHub it is a bot, and people are none, and
// on Forgejo and Gitea it is the user of Actions.
func (t *thread) wrote(ctx context.Context) func(author) bool {
	var self author
	if err := t.ask(ctx, http.MethodGet, t.self, nil, &self); err == nil && self.ID != 0 {
		return func(a author) bool { return a.ID == self.ID }
	}
	return func(a author) bool { return a.Type == "Bot" || a.ID == actionsUser }
}

// find returns the id of the comment of an earlier run, and 0 where there is none.
func (t *thread) find(ctx context.Context, wrote func(author) bool) (int64, error) {
	var before int64
	for page := 1; page <= maxPages; page++ {
		var list []comment
		if err := t.ask(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=%d&page=%d", t.list, pageSize, page), nil, &list); err != nil {
			return 0, err
		}
		for _, c := range list {
			if strings.HasSuffix(strings.TrimSpace(c.Body), commented) && wrote(c.who()) {
				return c.ID, nil
			}
		}
		if len(list) < pageSize || list[0].ID == before { // Forgejo has no pages: each is the first
			return 0, nil
		}
		before = list[0].ID
	}
	return 0, nil
}

// ask sends one request. It follows no redirect, which would carry the token elsewhere.
func (t *thread) ask(ctx context.Context, method, address string, body, answer any) error {
	var data bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&data).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, &data)
	if err != nil {
		return err
	}
	req.Header.Set(t.header, t.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return crontopus.Errorf(crontopus.CodeInvalid, "the forge cannot be asked: %w", err).WithHint("look at the address that CI names in the environment")
	}
	defer res.Body.Close()
	limited := io.LimitReader(res.Body, 64<<20)
	if res.StatusCode >= http.StatusMultipleChoices {
		var said struct {
			Message any `json:"message"`
		}
		_ = json.NewDecoder(limited).Decode(&said) // without a message the status has to do
		return crontopus.Errorf(crontopus.CodeInvalid, "the forge refuses the comment with %d: %.200q", res.StatusCode, fmt.Sprint(cmp.Or(said.Message, any("no reason")))).
			WithHint("CRONTOPUS_COMMENT_TOKEN must be allowed to write comments on pull requests; on GitHub: permissions: pull-requests: write")
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(limited).Decode(answer)
}
