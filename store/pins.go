package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// PinSource holds a source at a commit from its next sync on, whatever its branch says. The
// commit may be the beginning of a hash; that sync finds out which one it is.
func (s *Store) PinSource(ctx context.Context, tenant crontopus.TenantID, actor, name, commit string, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.pin", name, func(t tx, src crontopus.Source) (string, error) {
		return commit, pin(ctx, t, src, commit, now)
	})
}

// UnpinSource lets a source follow its branch again.
func (s *Store) UnpinSource(ctx context.Context, tenant crontopus.TenantID, actor, name string, now time.Time) error {
	return s.changeSource(ctx, tenant, actor, "source.unpin", name, func(t tx, src crontopus.Source) (string, error) {
		if src.Pinned == "" {
			return "", crontopus.Errorf(crontopus.CodeConflict, "the source %q is not pinned: it follows its branch", name)
		}
		return src.Pinned, pin(ctx, t, src, "", now)
	})
}

// RollbackSource pins a source to a revision that was in force before: the one that to names, by
// its commit or by a sync's id, or the last one before the present. It returns the revision.
func (s *Store) RollbackSource(ctx context.Context, tenant crontopus.TenantID, actor, name, to string, now time.Time) (revision string, err error) {
	err = s.changeSource(ctx, tenant, actor, "source.rollback", name, func(t tx, src crontopus.Source) (string, error) {
		applied, err := appliedSyncs(ctx, t, src)
		if err != nil {
			return "", err
		}
		if to == "" {
			revision, err = revisionBefore(applied, src)
		} else {
			revision, err = revisionNamed(applied, src, to)
		}
		if err != nil {
			return "", err
		}
		_, commit, _ := strings.Cut(revision, "@sha1:")
		return revision, pin(ctx, t, src, commit, now)
	})
	return revision, err
}

func pin(ctx context.Context, t tx, src crontopus.Source, commit string, now time.Time) error {
	_, err := t.Exec(ctx, "UPDATE sources SET pinned = $1 WHERE tenant_id = $2 AND id = $3", commit, src.Tenant, src.ID)
	if err != nil {
		return err
	}
	return request(ctx, t, src, crontopus.TriggerManual, now)
}

// appliedSyncs are the syncs that left a revision in force, the newest first, as far back as
// they are kept.
func appliedSyncs(ctx context.Context, t tx, src crontopus.Source) ([]crontopus.Sync, error) {
	list, err := collect(ctx, t, scanSync, `
		SELECT body FROM syncs WHERE tenant_id = $1 AND source_id = $2 ORDER BY started_at DESC, id DESC`, src.Tenant, src.ID)
	return slices.DeleteFunc(list, func(s crontopus.Sync) bool { return !s.Applied() || s.Revision == "" }), err
}

// revisionBefore returns the revision that was in force before the present one, when the source
// followed its branch: going back twice goes back two revisions.
func revisionBefore(applied []crontopus.Sync, src crontopus.Source) (string, error) {
	present := src.Status.LastAppliedRevision
	followed := slices.DeleteFunc(applied, func(s crontopus.Sync) bool { return s.Reason != crontopus.ReasonSynced })
	at := max(0, slices.IndexFunc(followed, func(s crontopus.Sync) bool { return s.Revision == present }))
	for _, sync := range followed[at:] {
		if sync.Revision != present {
			return sync.Revision, nil
		}
	}
	return "", crontopus.Errorf(crontopus.CodeConflict, "no revision of the source %q is known that was in force before the present one", src.Name).
		WithHint("name a commit of its branch: crontopus sources pin %s COMMIT", src.Name)
}

// revisionNamed returns the one revision that was in force and that to names.
func revisionNamed(applied []crontopus.Sync, src crontopus.Source, to string) (found string, err error) {
	commit := strings.TrimPrefix(to, crontopus.Revision(src.Branch, ""))
	for _, sync := range applied {
		if sync.ID != to && !strings.HasPrefix(sync.Revision, crontopus.Revision(src.Branch, commit)) {
			continue
		}
		if found != "" && found != sync.Revision {
			return "", crontopus.Errorf(crontopus.CodeConflict, "%q is the beginning of more than one revision that was in force", to).WithHint("write the whole hash")
		}
		found = sync.Revision
	}
	if found == "" {
		return "", crontopus.Errorf(crontopus.CodeNotFound, "no sync of the source %q that is remembered brought %q into force", src.Name, to).
			WithHint("a commit of the branch that never was in force can be pinned: crontopus sources pin %s COMMIT", src.Name)
	}
	return found, nil
}
