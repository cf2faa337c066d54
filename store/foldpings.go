package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// proof is what a ping checks in by. It is looked at again in the transaction that records the
// ping, so that one which was rotated or revoked a moment ago, by whichever server, is good for nothing.
type proof struct {
	tenant  crontopus.TenantID
	url     string // id of a ping URL, or
	key     string // id of a ping key
	unnamed bool
}

// RecordPing commits a ping as RecordCheckIns does check-ins, together with everybody else's.
// not_found where the URL or key is no longer good, or the job never was.
func (r *Recorder) RecordPing(ctx context.Context, p crontopus.Ping) error {
	list := p.CheckIns
	if p.Unnamed && len(list) > 0 {
		id := unnamedRun(p.Tenant, list[0].Job)
		for i := range list {
			list[i].RunID = id
		}
	}
	results, err := r.record(ctx, submission{tenant: p.Tenant, list: list,
		proof: &proof{tenant: p.Tenant, url: p.URL, key: p.Key, unnamed: p.Unnamed}})
	for _, refused := range results {
		if err == nil {
			err = refused
		}
	}
	return err
}

// unnamedRun makes the id of a run that its ping does not name: a UUIDv7 whose end tells so, which
// is how its end finds it.
func unnamedRun(tenant crontopus.TenantID, job crontopus.JobName) string {
	id := uuid.Must(uuid.NewV7()).String()
	return id[:len(id)-len(unnamedEnd(tenant, job))] + unnamedEnd(tenant, job)
}

func unnamedEnd(tenant crontopus.TenantID, job crontopus.JobName) string {
	sum := sha256.Sum256([]byte("ping\x00" + string(tenant) + "\x00" + job.String()))
	return hex.EncodeToString(sum[:6])
}

// known is what the database says of a ping that is good.
type known struct {
	place int    // among the items
	open  string // the run that its end ends, if it is an end that names none and there is such a run
}

// readProofs refuses the pings whose URL or key is not good, and tells ends that name no run
// which one it is.
func (f *fold) readProofs(ctx context.Context, t tx) error {
	var urls, keys []int
	for i := range f.items {
		switch p := f.items[i].proof; {
		case p == nil:
		case p.url != "":
			urls = append(urls, i)
		default:
			keys = append(keys, i)
		}
	}
	if len(urls)+len(keys) == 0 {
		return nil
	}
	good, err := f.readKnown(ctx, t, urls, func(p *proof) string { return p.url },
		"ping_urls p WHERE p.id = v.proof AND p.tenant_id || '' = v.tenant") // by its id
	if err != nil {
		return err
	}
	byKey, err := f.readKnown(ctx, t, keys, func(p *proof) string { return p.key },
		"ping_keys p WHERE p.id = v.proof AND p.tenant_id = v.tenant AND p.revoked_at IS NULL")
	if err != nil {
		return err
	}
	of := map[int]*known{}
	for _, list := range [][]known{good, byKey} {
		for i := range list {
			of[list[i].place] = &list[i]
		}
	}
	open := map[grant]string{}
	kept := f.items[:0]
	for n, i := range f.items {
		if i.proof != nil && of[n] == nil {
			*i.result = errNoPingURL
			continue
		}
		if i.proof != nil && of[n].open != "" {
			open[i.grant()] = of[n].open
		}
		kept = append(kept, i)
	}
	f.items = kept
	f.nameEnds(open)
	return nil
}

// readKnown reads which of the items, by their places, have a good proof, and for ends that name no run the
// last start of the job without a name, as far as the newest of its runs that have not ended tell.
func (f *fold) readKnown(ctx context.Context, t tx, places []int, id func(*proof) string, from string) ([]known, error) {
	var v many
	withEach(&v, "place", "bigint", places, func(n *int) int64 { return int64(*n) })
	column := func(name string, of func(*item) string) {
		withEach(&v, name, "text", places, func(n *int) string { return of(&f.items[*n]) })
	}
	column("tenant", func(i *item) string { return string(i.tenant) })
	column("proof", func(i *item) string { return id(i.proof) })
	column("space", func(i *item) string { return i.Job.Namespace })
	column("job", func(i *item) string { return i.Job.Name })
	column("tail", func(i *item) string {
		if !i.proof.unnamed || !i.Event.Final() {
			return ""
		}
		return unnamedEnd(i.tenant, i.Job)
	})
	since := micros(f.now.Add(-crontopus.MaxPingPause))
	withEach(&v, "since", "bigint", places, func(*int) int64 { return since })
	const open = `FROM runs r WHERE r.tenant_id = v.tenant AND r.namespace = v.space AND r.name = v.job AND r.at >= v.since AND r.state = 'running'`
	return collectMany(ctx, t, func(r row, k *known) error { return r.Scan(&k.place, &k.open) }, v, `
		SELECT v.place, CASE WHEN v.tail = '' OR NOT EXISTS (SELECT 1 `+open+`) THEN '' ELSE COALESCE((
			SELECT n.id FROM (SELECT r.id, r.at `+open+` ORDER BY r.at DESC, r.id DESC LIMIT 16) n
			WHERE substr(n.id, 25) = v.tail
			ORDER BY n.at DESC, n.id DESC LIMIT 1), '') END
		FROM v CROSS JOIN `+from)
}

// nameEnds gives ends that name no run the id of the last start that names none either: one before, by its
// grant, or one that comes with them. An end without a start is a run of its own.
func (f *fold) nameEnds(open map[grant]string) {
	named := map[string]string{} // what else the same ping says goes with its end
	for n := range f.items {
		i := &f.items[n]
		if i.proof == nil || !i.proof.unnamed {
			continue
		}
		g := i.grant()
		switch {
		case named[i.RunID] != "":
			i.RunID = named[i.RunID]
		case i.Event == crontopus.EventStart:
			open[g] = i.RunID
		case i.Event.Final():
			run := cmp.Or(open[g], i.RunID)
			named[i.RunID], i.RunID = run, run
			delete(open, g)
		}
	}
}
