package api

import (
	"cmp"
	"context"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/token"
)

type sourceStore interface {
	// CreateSource stores a source that is due at once, without a request.
	CreateSource(ctx context.Context, tenant crontopus.TenantID, actor string, source crontopus.Source, secrets crontopus.SourceSecrets) error
	Source(ctx context.Context, tenant crontopus.TenantID, name string) (crontopus.Source, error)
	Sources(ctx context.Context, tenant crontopus.TenantID, page crontopus.Page) (sources []crontopus.Source, next string, err error)
	RequestSync(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error
	SuspendSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, suspended bool) error
	LimitSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, limits crontopus.SourceLimits, now time.Time) error
	// ChangeSourceSecrets changes what change names; replaced means that nothing else was left, and whole was taken.
	ChangeSourceSecrets(ctx context.Context, tenant crontopus.TenantID, actor, name string, change, whole crontopus.SourceSecrets, now time.Time) (replaced bool, err error)
	ApprovePlan(ctx context.Context, tenant crontopus.TenantID, actor, name, planDigest string) error
	RemoveSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error
}

// sources adds and removes sources and steers their syncs. It never touches what they say.
type sources struct {
	store      sourceStore
	now        func() time.Time
	publicURL  string
	checkURL   func(string) error
	wakeSyncer func()
}

// What a source gets that says nothing else, and how often it may be polled.
const (
	defaultBranch   = "main"
	defaultInterval = crontopus.Duration(time.Minute)
	minInterval     = crontopus.Duration(time.Second)
	maxInterval     = crontopus.Duration(24 * time.Hour)
)

func (s sources) register(r *router) {
	add(r, viewer, operation(http.MethodGet, "/api/v1/sources", "list-sources", tagSources, "List the sources by name", ""), s.list)
	add(r, viewer, operation(http.MethodGet, "/api/v1/sources/{name}", "get-source", tagSources, "Get a source and where it stands", ""), s.get)
	add(r, admin, created(operation(http.MethodPost, "/api/v1/sources", "add-source", tagSources, "Add a source",
		"Its first sync begins at once. The answer has the address and the secret of its webhook; the secret is not shown again.")), s.create)
	add(r, admin, accepted(operation(http.MethodDelete, "/api/v1/sources/{name}", "remove-source", tagSources, "Remove a source",
		"Its jobs then leave their hosts.")), s.remove)
	add(r, admin, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/limit", "limit-source", tagSources, "Limit what a source's jobs may reach",
		"Takes the place of all limits that it had. A revision that goes beyond them is refused; what is in force already stays.")), s.limit)
	add(r, admin, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/credentials", "change-source-credentials", tagSources, "Change a source's credentials",
		"What is not sent stays as it is, and the source is synced. Where the old ones do not open any more, because the server's key was lost, they are replaced by what is sent. "+
			"A webhook's secret that the server makes is not shown again.")), s.credentials)
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/sync", "sync-source", tagSources, "Sync now",
		"However often it is asked for, at most one sync waits behind the one that runs.")), s.sync)
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/approve", "approve-source", tagSources, "Let a held removal through",
		"Takes the digest of exactly the plan that is held; any other is a conflict.")), s.approve)
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/suspend", "suspend-source", tagSources, "Stop syncing",
		"The jobs stay as they are.")), s.suspend)
	add(r, operator, accepted(operation(http.MethodPost, "/api/v1/sources/{name}/resume", "resume-source", tagSources, "Sync again", "")), s.resume)
}

func (s sources) list(ctx context.Context, in *PageIn) (*body[wire.List[crontopus.Source]], error) {
	found, next, err := s.store.Sources(ctx, callerOf(ctx).tenant, in.page())
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = showSource(found[i])
	}
	return listOf(found, next), nil
}

func (s sources) get(ctx context.Context, in *NameIn) (*body[crontopus.Source], error) {
	found, err := s.store.Source(ctx, callerOf(ctx).tenant, in.Name)
	if err != nil {
		return nil, err
	}
	return answer(showSource(found)), nil
}

func (s sources) create(ctx context.Context, in *struct{ Body wire.SourceInput }) (*body[wire.SourceAdded], error) {
	c := callerOf(ctx)
	source, err := s.newSource(c.tenant, in.Body)
	if err != nil {
		return nil, err
	}
	secrets := crontopus.SourceSecrets{
		Username: in.Body.Username, Password: in.Body.Password, SSHKey: in.Body.SSHKey, KnownHosts: in.Body.KnownHosts,
		WebhookSecret: cmp.Or(in.Body.WebhookSecret, token.New(token.Webhook)),
	}
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	if err := secrets.CheckFor(source.URL); err != nil {
		return nil, err
	}
	if err := s.store.CreateSource(ctx, c.tenant, c.actor(), source, secrets); err != nil {
		return nil, err
	}
	s.wakeSyncer()
	return answer(wire.SourceAdded{
		Source: showSource(source), WebhookURL: s.publicURL + webhookPath(source.ID), WebhookSecret: secrets.WebhookSecret,
	}), nil
}

// newSource checks what was sent and fills in the rest.
func (s sources) newSource(tenant crontopus.TenantID, in wire.SourceInput) (crontopus.Source, error) {
	source := crontopus.Source{
		ID: uuid.NewString(), Tenant: tenant, Name: in.Name, URL: in.URL,
		Branch: cmp.Or(in.Branch, defaultBranch), Interval: cmp.Or(in.Interval, defaultInterval), CreatedAt: s.now().UTC(), Limits: in.Limits,
	}
	if !crontopus.ValidName(in.Name) {
		return source, invalid("%q cannot name a source", in.Name).WithHint("use up to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit")
	}
	for what, text := range map[string]string{"the URL": in.URL, "the branch": in.Branch, "the path": in.Path} {
		if err := checkText(what, text, 2048); err != nil {
			return source, err
		}
	}
	if !crontopus.ValidBranch(source.Branch) {
		return source, invalid("%q cannot name a branch", source.Branch).WithHint("Git allows no space, no two dots or slashes in a row, and none of ~^:?*[\\; write the branch's name without refs/heads/")
	}
	if err := in.Limits.Check(); err != nil {
		return source, err
	}
	if source.Interval < minInterval || source.Interval > maxInterval {
		return source, invalid("the interval %s is not between %s and %s", source.Interval, minInterval, maxInterval)
	}
	var err error
	if source.Path, err = cleanPath(in.Path); err != nil {
		return source, err
	}
	return source, s.checkSourceURL(in.URL)
}

// checkSourceURL asks the syncer's rules. Whatever they say, it is the request's fault.
func (s sources) checkSourceURL(url string) error {
	err := s.checkURL(url)
	if err == nil {
		return nil
	}
	return &crontopus.Error{Code: crontopus.CodeInvalid, Message: err.Error(), Hint: crontopus.ErrorHint(err)}
}

// cleanPath returns a path within the repository, "" for all of it.
func cleanPath(p string) (string, error) {
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return "", invalid("the path %q leaves the repository", p)
		}
	}
	return strings.TrimPrefix(path.Clean("/"+p), "/"), nil
}

func (s sources) remove(ctx context.Context, in *NameIn) (*struct{}, error) {
	return s.steer(ctx, func(c caller) error { return s.store.RemoveSource(ctx, c.tenant, c.actor(), in.Name, s.now()) })
}

func (s sources) sync(ctx context.Context, in *NameIn) (*struct{}, error) {
	return s.steer(ctx, func(c caller) error { return s.store.RequestSync(ctx, c.tenant, c.actor(), in.Name, s.now()) })
}

func (s sources) limit(ctx context.Context, in *struct {
	NameIn
	Body crontopus.SourceLimits
}) (*struct{}, error) {
	if err := in.Body.Check(); err != nil {
		return nil, err
	}
	return s.steer(ctx, func(c caller) error {
		return s.store.LimitSource(ctx, c.tenant, c.actor(), in.Name, in.Body, s.now())
	})
}

func (s sources) approve(ctx context.Context, in *struct {
	NameIn
	Body wire.Approve
}) (*struct{}, error) {
	return s.steer(ctx, func(c caller) error {
		return s.store.ApprovePlan(ctx, c.tenant, c.actor(), in.Name, in.Body.Plan)
	})
}

func (s sources) suspend(ctx context.Context, in *NameIn) (*struct{}, error) {
	return s.steer(ctx, func(c caller) error { return s.store.SuspendSource(ctx, c.tenant, c.actor(), in.Name, true) })
}

func (s sources) resume(ctx context.Context, in *NameIn) (*struct{}, error) {
	return s.steer(ctx, func(c caller) error {
		if err := s.store.SuspendSource(ctx, c.tenant, c.actor(), in.Name, false); err != nil {
			return err
		}
		return s.store.RequestSync(ctx, c.tenant, c.actor(), in.Name, s.now())
	})
}

// steer records what a person asked for; the syncer does it.
func (s sources) steer(ctx context.Context, record func(caller) error) (*struct{}, error) {
	if err := record(callerOf(ctx)); err != nil {
		return nil, err
	}
	s.wakeSyncer()
	return nil, nil
}

func showSource(s crontopus.Source) crontopus.Source {
	s.Status.Conditions = orEmpty(s.Status.Conditions)
	return s
}
