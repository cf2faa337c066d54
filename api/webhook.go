package api

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/trace"
)

type webhookStore interface {
	SystemSource(ctx context.Context, id string) (crontopus.Source, error)
	SourceSecrets(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.SourceSecrets, error)
	SystemRequestSync(ctx context.Context, sourceID, trigger string, now time.Time) error
}

// webhook takes a forge's word that a branch has moved. It is only a hint: nothing in it
// but the branch's name is looked at, so a replayed one costs at most a sync that finds
// nothing new.
type webhook struct {
	store      webhookStore
	now        func() time.Time
	tracer     trace.Tracer
	wakeSyncer func()
}

// maxWebhookBody is more than any forge sends: Forgejo cuts the list of commits.
const maxWebhookBody = 3 << 20

func webhookPath(sourceID string) string { return "/hooks/forgejo/" + sourceID }

func (s webhook) register(r *router) {
	op := accepted(operation(http.MethodPost, webhookPath("{id}"), "forgejo-webhook", tagServer, "Take a webhook of Forgejo or Gitea",
		"The body is signed with the webhook's secret: HMAC-SHA256, in hex, in X-Forgejo-Signature, X-Gitea-Signature or, "+
			"behind `sha256=`, X-Hub-Signature-256. Every one that is there must be right. A push to the source's branch asks for a sync; "+
			"everything else is taken and ignored."))
	op.MaxBodyBytes = maxWebhookBody
	op.SkipValidateBody = true // nothing is parsed before the signature is known to be right
	op.RequestBody = webhookBody()
	add(r, public, op, s.take)
	op.RequestBody.Required = false // huma would tell an unsigned caller that the body is missing
}

type webhookIn struct {
	ID      string `path:"id"`
	Forgejo string `header:"X-Forgejo-Signature"`
	Gitea   string `header:"X-Gitea-Signature"`
	Hub     string `header:"X-Hub-Signature-256"`

	ForgejoEvent string `header:"X-Forgejo-Event"`
	GiteaEvent   string `header:"X-Gitea-Event"`
	HubEvent     string `header:"X-GitHub-Event"`

	RawBody []byte `contentType:"application/json"`

	header http.Header
}

// Resolve keeps the headers: the fields above cannot tell an empty one from none.
func (in *webhookIn) Resolve(ctx huma.Context) []error {
	r, _ := humachi.Unwrap(ctx)
	in.header = r.Header
	return nil
}

type webhookAnswer struct {
	Sync    bool   `json:"sync" doc:"Whether a sync was asked for"`
	Message string `json:"message"`
}

func (s webhook) take(ctx context.Context, in *webhookIn) (*body[webhookAnswer], error) {
	span := s.tracer.Begin("", "webhook", s.now())
	source, secret, err := s.source(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !in.signedWith(secret) {
		return nil, unauthorized("the webhook's signature is missing or wrong").WithHint("set the webhook's secret in the forge to the one that `crontopus sources add` printed, or to another: `crontopus sources credentials NAME --new-webhook-secret`")
	}
	var push struct {
		Ref string `json:"ref"`
	}
	if err := json.Unmarshal(in.RawBody, &push); err != nil {
		return nil, invalid("the webhook's body is not JSON as a forge writes it").WithHint("set the webhook's content type to application/json")
	}
	event := cmp.Or(in.ForgejoEvent, in.GiteaEvent, in.HubEvent, "push")
	switch {
	case event != "push":
		return answer(webhookAnswer{Message: "only pushes matter here"}), nil
	case push.Ref != "refs/heads/"+source.Branch:
		return answer(webhookAnswer{Message: "only pushes to " + source.Branch + " matter here"}), nil
	case source.Suspended || source.RemovedAt != nil:
		return answer(webhookAnswer{Message: "the source is suspended or removed"}), nil
	}
	if err := s.store.SystemRequestSync(trace.With(ctx, span.Name()), source.ID, crontopus.TriggerWebhook, s.now()); err != nil {
		return nil, err
	}
	s.wakeSyncer()
	span.End(s.now(), "", slog.String("source", source.Name))
	return answer(webhookAnswer{Sync: true, Message: "a sync was asked for"}), nil
}

// source returns a source and its webhook's secret. One that is not there has a secret
// that signs nothing, so that nobody learns by asking which sources exist.
func (s webhook) source(ctx context.Context, id string) (crontopus.Source, string, error) {
	source, err := s.store.SystemSource(ctx, id)
	var secrets crontopus.SourceSecrets
	if err == nil {
		secrets, err = s.store.SourceSecrets(ctx, source.Tenant, source.ID)
	}
	if err != nil && crontopus.ErrorCode(err) != crontopus.CodeNotFound {
		return source, "", err
	}
	return source, secrets.WebhookSecret, nil
}

// signedWith reports whether the body carries at least one signature and every one it
// carries is right. It reads the raw bytes, before anything parses them.
func (in *webhookIn) signedWith(secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(in.RawBody)
	want := mac.Sum(nil)
	signatures, right := 0, secret != ""
	for name, prefix := range map[string]string{"X-Forgejo-Signature": "", "X-Gitea-Signature": "", "X-Hub-Signature-256": "sha256="} {
		for _, signature := range in.header.Values(name) {
			digits, prefixed := strings.CutPrefix(signature, prefix)
			got, err := hex.DecodeString(digits)
			right = prefixed && err == nil && hmac.Equal(got, want) && right
			signatures++
		}
	}
	return signatures > 0 && right
}
