package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// proof is what a ping checks in by. It is looked at again in the transaction that records the
// ping, so that one which was rotated or revoked a moment ago, by whichever server, is good for nothing.
type proof struct {
	tenant crontopus.TenantID
	url    string // id of a ping URL, or
	key    string // id of a ping key
	tail   string // that runs of its job have which pings do not name; "" if it names its run
}

// RecordPing commits a ping as RecordCheckIns does check-ins, together with everybody else's.
// not_found where the URL or key is no longer good, or the job never was.
func (r *Recorder) RecordPing(ctx context.Context, p crontopus.Ping) error {
	list := p.CheckIns
	if len(list) == 0 {
		return nil
	}
	by := proofOf(p.Tenant, p, list[0].Job)
	if p.Unnamed {
		id := unnamedRun(by.tail)
		for i := range list {
			list[i].RunID = id
		}
	}
	results, err := r.record(ctx, submission{tenant: p.Tenant, list: list, proof: by})
	for _, refused := range results {
		if err == nil {
			err = refused
		}
	}
	return err
}

func proofOf(tenant crontopus.TenantID, p crontopus.Ping, job crontopus.JobName) *proof {
	by := &proof{tenant: tenant, url: p.URL, key: p.Key}
	if p.Unnamed {
		by.tail = unnamedTail(tenant, job)
	}
	return by
}

// unnamedRun makes the id of a run that its ping does not name: a UUIDv7 whose tail tells so, which
// is how its end finds it.
func unnamedRun(tail string) string {
	id := uuid.Must(uuid.NewV7()).String()
	return id[:len(id)-len(tail)] + tail
}

func unnamedTail(tenant crontopus.TenantID, job crontopus.JobName) string {
	sum := sha256.Sum256([]byte("ping\x00" + string(tenant) + "\x00" + job.String()))
	return hex.EncodeToString(sum[:6])
}

// known is what the database says of a ping that is good.
type known struct {
	place  int // among the items
	tenant crontopus.TenantID
	open   []string // the runs that its end may end, the last start last, if it is an end that names none
	idle   bool     // it is such an end, and no run of its job goes on at all
}

func scanKnown(r row, k *known) error {
	var open *string // ids, NULL where nothing goes on
	err := r.Scan(&k.place, &k.tenant, &open)
	if k.idle = open == nil; !k.idle {
		k.open = strings.Fields(*open)
	}
	return err
}

// readProofs refuses the pings whose URL or key is not good, and tells ends that name no run
// which one it is.
func (f *fold) readProofs(ctx context.Context, t tx) error {
	of := map[int]*known{}
	var urls, keys []int
	for i := range f.items {
		switch p := f.items[i].proof; {
		case p == nil:
		case f.heart.knows(&f.items[i], f.since()):
			of[i] = &known{}
		case p.url != "":
			urls = append(urls, i)
		default:
			keys = append(keys, i)
		}
	}
	good, err := readKnown(ctx, t, f.proofs(urls, func(p *proof) string { return p.url }), "p", "ping_urls p WHERE p.id = v.proof")
	if err != nil {
		return err
	}
	v := f.proofs(keys, func(p *proof) string { return p.key })
	withEach(&v, "tenant_id", "text", keys, func(n *int) string { return string(f.items[*n].tenant) })
	withEach(&v, "namespace", "text", keys, func(n *int) string { return f.items[*n].Job.Namespace })
	withEach(&v, "name", "text", keys, func(n *int) string { return f.items[*n].Job.Name })
	byKey, err := readKnown(ctx, t, v, "v", "ping_keys p WHERE p.id = v.proof AND p.tenant_id = v.tenant_id AND p.revoked_at IS NULL")
	if err != nil {
		return err
	}
	for _, list := range [][]known{good, byKey} {
		for n, k := range list {
			if i := &f.items[k.place]; k.tenant == i.tenant {
				of[k.place] = &list[n]
				f.heart.learn(i, &k, f.since())
			}
		}
	}
	open := map[grant][]string{}
	kept := f.items[:0]
	for n, i := range f.items {
		if i.proof != nil && of[n] == nil {
			*i.result = errNoPingURL
			continue
		}
		if i.proof != nil && len(of[n].open) > 0 {
			open[i.grant()] = of[n].open
		}
		kept = append(kept, i)
	}
	f.items = kept
	f.nameEnds(open)
	return nil
}

// since is when the oldest start was that an end without a name may belong to.
func (f *fold) since() int64 { return micros(f.now.Add(-crontopus.MaxPingPause)) }

// proofs is a table of what some of the items, by their places, check in by.
func (f *fold) proofs(places []int, id func(*proof) string) (v many) {
	since := f.since()
	withEach(&v, "place", "bigint", places, func(n *int) int64 { return int64(*n) })
	withEach(&v, "since", "bigint", places, func(*int) int64 { return since })
	withEach(&v, "proof", "text", places, func(n *int) string { return id(f.items[*n].proof) })
	withEach(&v, "tail", "text", places, func(n *int) string { return f.items[*n].ends() })
	return v
}

// readKnown reads which proofs are good, and for ends that name no run the starts of the job without a name that go on, as
// far as the newest of its runs that have not ended tell. The table named job says which job that is.
func readKnown(ctx context.Context, t tx, v many, job, from string) ([]known, error) {
	open := "FROM runs r WHERE r.tenant_id = " + job + ".tenant_id AND r.namespace = " + job + ".namespace AND r.name = " + job +
		".name AND r.at >= v.since AND r.state = 'running'"
	return collectMany(ctx, t, scanKnown, v, `
		SELECT v.place, `+job+`.tenant_id, CASE WHEN v.tail = '' THEN '' WHEN NOT EXISTS (SELECT 1 `+open+`) THEN NULL ELSE COALESCE((
			SELECT string_agg(n.id, ' ' ORDER BY n.at, n.id) FROM (SELECT r.id, r.at `+open+` ORDER BY r.at DESC, r.id DESC LIMIT 16) n
			WHERE substr(n.id, 25) = v.tail), '') END
		FROM v CROSS JOIN `+from)
}

// nameEnds gives ends that name no run the id of the last start that names none either and has no end: one before,
// by its grant, or one that comes with them. An end without a start is a run of its own.
func (f *fold) nameEnds(open map[grant][]string) {
	named := map[string]string{} // what else the same ping says goes with its end
	for n := range f.items {
		i := &f.items[n]
		if i.proof == nil || i.proof.tail == "" {
			continue
		}
		g := i.grant()
		switch last := len(open[g]) - 1; {
		case named[i.RunID] != "":
			i.RunID = named[i.RunID]
		case i.Event == crontopus.EventStart:
			open[g] = append(open[g], i.RunID)
		case i.Event.Final():
			run := i.RunID
			if last >= 0 {
				run, open[g] = open[g][last], open[g][:last]
			}
			named[i.RunID], i.RunID = run, run
		}
	}
}
