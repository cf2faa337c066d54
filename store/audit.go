package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// AuditEntry is one change that a person or a configuration made.
type AuditEntry struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"` // such as source.create
	Object string    `json:"object"` // the name or id of what was changed
	Detail string    `json:"detail,omitempty"`
}

// audit notes a change in the transaction that makes it, so that neither is there
// without the other.
func (s *Store) audit(ctx context.Context, t tx, tenant crontopus.TenantID, actor, action, object, detail string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, `
		INSERT INTO audit (tenant_id, id, at, actor, action, object, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		tenant, id.String(), micros(s.now()), actor, action, object, detail)
	return err
}

// Audit lists changes, the newest first.
func (s *Store) Audit(ctx context.Context, tenant crontopus.TenantID, p crontopus.Page) (list []AuditEntry, next string, err error) {
	from, err := parseCursor(p, afterAll)
	if err != nil {
		return nil, "", err
	}
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, scanAudit, `
			SELECT id, at, actor, action, object, detail FROM audit
			WHERE tenant_id = $1 AND (at, id) < ($2, $3)
			ORDER BY at DESC, id DESC LIMIT $4`, tenant, from.At, from.Text, limit(p))
		return err
	})
	list, next = cut(list, p, func(e *AuditEntry) cursor { return cursor{At: micros(e.At), Text: e.ID} })
	return list, next, err
}

func scanAudit(r row, e *AuditEntry) error {
	return r.Scan(&e.ID, instant(&e.At), &e.Actor, &e.Action, &e.Object, &e.Detail)
}
