package app

import (
	"context"
	"path/filepath"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/store"
)

// heed passes on what another server has changed. What this one changes its parts tell one
// another without a way round through the database.
func (a *App) heed(ctx context.Context, c store.Change) {
	switch {
	case c.Kind == store.ChangedAgents:
		a.api.Published(c.Tenant, c.Agents)
	case c.Kind == store.ChangedRuns:
		a.api.RunsChanged(c.Tenant, c.Runs)
	case c.Kind == store.ChangedKeys:
		a.followKeys(ctx)
	case c.Kind == store.ChangedMarks && a.publisher != nil:
		a.publisher.Wake()
	case c.Kind == store.ChangedSources && a.syncer != nil:
		a.syncer.Wake()
	}
}

// followKeys takes over a key set that was changed at another server, so that agents hear of
// it here, too. A key that does not sign any more is not used any more.
func (a *App) followKeys(ctx context.Context) {
	changed, err := a.keys.agree(ctx, a.store, nil)
	if err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "the key set was changed, and is not followed", "error", err, "hint", crontopus.ErrorHint(err))
	}
	if !changed || err != nil {
		return
	}
	a.log.InfoContext(ctx, "the key set was changed at another server", "keySet", a.keys.set.Version.String())
	a.api.UseKeys(a.keys.shown())
	if a.signer != nil && !a.keys.signs(*a.signer) {
		err := rotatedKey(a.keys.signing)
		a.log.ErrorContext(ctx, "this server neither syncs nor publishes any more", "error", err, "hint", err.Hint)
		a.retire()
	}
}

// openKeys reads the statements of the key sets, agrees on them with the other servers, and
// makes the first ones where there are none.
func (a *App) openKeys(ctx context.Context, k keys, installation string) (err error) {
	if a.keys, err = openKeyring(a.options); err != nil {
		return err
	}
	if k.signing != nil {
		signer := publicHalf(k.signing)
		a.signer = &signer
	}
	if err := a.keys.belongs(installation); err != nil {
		return err
	}
	if _, err := a.keys.agree(ctx, a.store, a.signer); err != nil {
		return err
	}
	if err := a.keys.begin(k.signing, k.recovery, installation, time.Now()); err != nil {
		return err
	}
	_, err = a.keys.agree(ctx, a.store, a.signer)
	return err
}

// shown is what agents and hosts are told of the keys.
func (r *keyring) shown() api.Keys {
	return api.Keys{Set: r.set, Statements: r.statements, Fingerprints: r.fingerprints}
}

// boxError says what to do about credentials that this server could not open.
func boxError(o Options, err error) error {
	if crontopus.ErrorCode(err) != crontopus.CodeConflict {
		return err
	}
	file := filepath.Join(o.Data, keysName, boxFile)
	return crontopus.Errorf(crontopus.CodeConflict, "%w; its file is %s", err, file).
		WithHint("copy keys/%s from a server that runs on this database to %s. If no copy is left, %s", boxFile, file, o.newBox())
}
