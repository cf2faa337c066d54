package store

import (
	"bytes"
	"context"
	"errors"

	"crontopus.dev/crontopus"
)

// LogPing keeps the output of a ping that changes no state: in the run that it names, or in the one that the last
// start without a name began, as long as that goes on; where there is none, nowhere. not_found where the URL
// or key is no longer good, or the job never was.
func (s *Store) LogPing(ctx context.Context, tenant crontopus.TenantID, p crontopus.Ping, c crontopus.CheckIn) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		c := c
		c.Event = crontopus.EventSuccess // whose run it would be if it were an end
		var refused error
		f := emptyFold(s.now(), s.keep)
		f.heart = s.heart
		f.items = []item{{CheckIn: c, tenant: tenant, result: &refused, proof: proofOf(tenant, p, c.Job)}}
		if err := f.readProofs(ctx, t); err != nil || refused != nil {
			return errors.Join(err, refused)
		}
		if err := s.jobWasThere(ctx, t, tenant, c.Job); err != nil {
			return err
		}
		run := f.items[0].RunID
		if run == "" || len(c.Output) == 0 {
			return nil
		}
		var said []byte
		err := t.QueryRow(ctx, `
			SELECT output FROM runs WHERE tenant_id = $1 AND id = $2 AND namespace = $3 AND name = $4
				AND agent_id IS NULL AND state = 'running'`+t.ForUpdate("runs"),
			tenant, run, c.Job.Namespace, c.Job.Name).Scan(blob(&said))
		if errors.Is(err, errNoRow) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = t.Exec(ctx, "UPDATE runs SET output = $1 WHERE tenant_id = $2 AND id = $3", further(said, c.Output), tenant, run)
		return err
	})
}

// further is what was said so far and then, the last of it; what was said at different times does not share a line.
func further(before, now []byte) []byte {
	all := bytes.Clone(before)
	if len(before) > 0 && len(now) > 0 && !bytes.HasSuffix(before, []byte("\n")) {
		all = append(all, '\n')
	}
	all = append(all, now...)
	return all[max(0, len(all)-maxOutput):]
}
