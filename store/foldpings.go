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

// readProofs refuses the pings whose URL or key is not good, and tells ends that name no run
// which one it is.
func (f *fold) readProofs(ctx context.Context, t tx) error {
	var urls, keys []*proof
	for i := range f.items {
		switch p := f.items[i].proof; {
		case p == nil:
		case p.url != "":
			urls = append(urls, p)
		default:
			keys = append(keys, p)
		}
	}
	if len(urls)+len(keys) == 0 {
		return nil
	}
	good := map[proof]bool{}
	if err := readGood(ctx, t, good, urls, func(p **proof) string { return (*p).url }, `
		SELECT p.tenant_id, p.id, '' FROM v CROSS JOIN ping_urls p WHERE p.id = v.proof AND p.tenant_id = v.tenant`); err != nil {
		return err
	}
	if err := readGood(ctx, t, good, keys, func(p **proof) string { return (*p).key }, `
		SELECT p.tenant_id, '', p.id FROM v CROSS JOIN ping_keys p
		WHERE p.id = v.proof AND p.tenant_id = v.tenant AND p.revoked_at IS NULL`); err != nil {
		return err
	}
	kept := f.items[:0]
	for _, i := range f.items {
		if p := i.proof; p != nil && !good[proof{tenant: p.tenant, url: p.url, key: p.key}] {
			*i.result = errNoPingURL
			continue
		}
		kept = append(kept, i)
	}
	f.items = kept
	return f.nameEnds(ctx, t)
}

func readGood(ctx context.Context, t tx, good map[proof]bool, proofs []*proof, id func(**proof) string, query string) error {
	var v many
	withEach(&v, "tenant", "text", proofs, func(p **proof) string { return string((*p).tenant) })
	withEach(&v, "proof", "text", proofs, id)
	found, err := collectMany(ctx, t, func(r row, p *proof) error { return r.Scan(&p.tenant, &p.url, &p.key) }, v, query)
	for _, p := range found {
		good[p] = true
	}
	return err
}

// unnamedJob is a job of which somebody says that a run has ended, but not which.
type unnamedJob struct {
	tenant crontopus.TenantID
	job    crontopus.JobName
	run    string // the last that began without a name and has not ended
}

// nameEnds gives ends that name no run the id of the last start that names none either. One
// without a start is a run of its own.
func (f *fold) nameEnds(ctx context.Context, t tx) error {
	open := map[grant]string{}
	var ask []unnamedJob
	for _, i := range f.items {
		if _, asked := open[i.grant()]; i.proof != nil && i.proof.unnamed && i.Event.Final() && !asked {
			open[i.grant()] = ""
			ask = append(ask, unnamedJob{tenant: i.tenant, job: i.Job})
		}
	}
	if len(ask) == 0 {
		return nil
	}
	found, err := readOpen(ctx, t, ask, micros(f.now.Add(-crontopus.MaxPingPause)))
	if err != nil {
		return err
	}
	for _, o := range found {
		open[grant{tenant: o.tenant, job: o.job}] = o.run
	}
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
	return nil
}

// readOpen reads the last start without a name of each job, as far as the newest of its runs that
// have not ended tell.
func readOpen(ctx context.Context, t tx, jobs []unnamedJob, since int64) ([]unnamedJob, error) {
	var v many
	withEach(&v, "tenant", "text", jobs, func(j *unnamedJob) string { return string(j.tenant) })
	withEach(&v, "space", "text", jobs, func(j *unnamedJob) string { return j.job.Namespace })
	withEach(&v, "job", "text", jobs, func(j *unnamedJob) string { return j.job.Name })
	withEach(&v, "tail", "text", jobs, func(j *unnamedJob) string { return unnamedEnd(j.tenant, j.job) })
	withEach(&v, "since", "bigint", jobs, func(*unnamedJob) int64 { return since })
	return collectMany(ctx, t, func(r row, j *unnamedJob) error {
		return r.Scan(&j.tenant, &j.job.Namespace, &j.job.Name, &j.run)
	}, v, `
		SELECT v.tenant, v.space, v.job, COALESCE((
			SELECT n.id FROM (
				SELECT r.id, r.at FROM runs r
				WHERE r.tenant_id = v.tenant AND r.namespace = v.space AND r.name = v.job AND r.at >= v.since AND r.state = 'running'
				ORDER BY r.at DESC, r.id DESC LIMIT 16) n
			WHERE substr(n.id, 25) = v.tail
			ORDER BY n.at DESC, n.id DESC LIMIT 1), '')
		FROM v`)
}
