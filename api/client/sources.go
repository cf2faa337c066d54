package client

import (
	"context"
	"net/http"
	"net/url"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// Sources lists the sources by name.
func (c *Client) Sources(ctx context.Context, page crontopus.Page) (wire.List[crontopus.Source], error) {
	return get[wire.List[crontopus.Source]](ctx, c, "/api/v1/sources", pageQuery(page))
}

// Source returns one source.
func (c *Client) Source(ctx context.Context, name string) (crontopus.Source, error) {
	return get[crontopus.Source](ctx, c, sourcePath(name), nil)
}

// AddSource adds a source; its first sync begins at once.
func (c *Client) AddSource(ctx context.Context, in wire.SourceInput) (wire.SourceAdded, error) {
	return post[wire.SourceAdded](ctx, c, "/api/v1/sources", in)
}

// RemoveSource removes a source; its jobs then leave their hosts.
func (c *Client) RemoveSource(ctx context.Context, name string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: sourcePath(name)})
	return err
}

// SyncSource asks for a sync now.
func (c *Client) SyncSource(ctx context.Context, name string) error {
	return c.sourceAction(ctx, name, "sync", nil)
}

// ApproveSource lets the held plan with this digest through.
func (c *Client) ApproveSource(ctx context.Context, name, plan string) error {
	return c.sourceAction(ctx, name, "approve", wire.Approve{Plan: plan})
}

// LimitSource bounds what the source's jobs may reach, instead of how they were bound before.
func (c *Client) LimitSource(ctx context.Context, name string, limits crontopus.SourceLimits) error {
	return c.sourceAction(ctx, name, "limit", limits)
}

// ChangeSourceCredentials changes the credentials that it names, and leaves the others as they are.
func (c *Client) ChangeSourceCredentials(ctx context.Context, name string, in wire.SourceCredentials) (wire.SourceCredentialsChanged, error) {
	return post[wire.SourceCredentialsChanged](ctx, c, sourcePath(name)+"/credentials", in)
}

// PinSource holds the source at a commit of its branch.
func (c *Client) PinSource(ctx context.Context, name, revision string) error {
	return c.sourceAction(ctx, name, "pin", wire.Pin{Revision: revision})
}

// UnpinSource lets it follow its branch again.
func (c *Client) UnpinSource(ctx context.Context, name string) error {
	return c.sourceAction(ctx, name, "unpin", nil)
}

// RollbackSource pins the source to a revision that was in force before, and returns that: the
// one that to names by its commit or by a sync's id, or with "" the last before the present one.
func (c *Client) RollbackSource(ctx context.Context, name, to string) (wire.Pin, error) {
	return post[wire.Pin](ctx, c, sourcePath(name)+"/rollback", wire.Rollback{To: to})
}

// SuspendSource stops a source's syncs; its jobs stay as they are.
func (c *Client) SuspendSource(ctx context.Context, name string) error {
	return c.sourceAction(ctx, name, "suspend", nil)
}

// ResumeSource starts them again.
func (c *Client) ResumeSource(ctx context.Context, name string) error {
	return c.sourceAction(ctx, name, "resume", nil)
}

// Syncs lists a source's syncs, newest first.
func (c *Client) Syncs(ctx context.Context, source string, page crontopus.Page) (wire.List[crontopus.Sync], error) {
	return get[wire.List[crontopus.Sync]](ctx, c, sourcePath(source)+"/syncs", pageQuery(page))
}

// Sync returns one sync.
func (c *Client) Sync(ctx context.Context, id string) (crontopus.Sync, error) {
	return get[crontopus.Sync](ctx, c, "/api/v1/syncs/"+url.PathEscape(id), nil)
}

func (c *Client) sourceAction(ctx context.Context, name, action string, in any) error {
	_, err := post[nothing](ctx, c, sourcePath(name)+"/"+action, in)
	return err
}

func sourcePath(name string) string { return "/api/v1/sources/" + url.PathEscape(name) }
