package store

import (
	"context"

	"crontopus.dev/crontopus"
)

// vaults are the columns of sealed credentials. Whoever seals something new adds it here, or it is lost with the next key.
var vaults = []struct {
	table, key, column string
	aad                func(tenant crontopus.TenantID, key string) []byte
}{
	{"secrets", "name", "sealed", secretAAD},
	{"sources", "id", "secrets", sourceAAD},
}

// SystemRekey seals every credential with this store's box that the one before has sealed, in one
// transaction, and returns how many it were. From then on no server with another key seals anything. conflict means that the
// credentials are neither box's. To do it twice is no error.
func (s *Store) SystemRekey(ctx context.Context, was *Box) (sealed int, err error) {
	err = s.engine.write(ctx, scopeSetup, func(t tx) error {
		sealed = 0
		n, err := t.Exec(ctx, "UPDATE installation SET box_key = $1 WHERE box_key IN ('', $1, $2)", s.box.keyID, was.keyID)
		if err == nil && n == 0 {
			err = crontopus.Errorf(crontopus.CodeConflict, "the credentials in the database are sealed with another key than this server's (%s)", was.keyID)
		}
		for _, v := range vaults {
			if err != nil {
				return err
			}
			n, e := s.reseal(ctx, t, was, v.table, v.key, v.column, v.aad)
			sealed, err = sealed+n, e
		}
		return err
	})
	return sealed, err
}

func (s *Store) reseal(ctx context.Context, t tx, was *Box, table, key, column string, aad func(crontopus.TenantID, string) []byte) (n int, err error) {
	type sealedRow struct {
		tenant crontopus.TenantID
		key    string
		blob   []byte
	}
	rows, err := collect(ctx, t, func(r row, x *sealedRow) error { return r.Scan(&x.tenant, &x.key, blob(&x.blob)) },
		"SELECT tenant_id, "+key+", "+column+" FROM "+table+" x"+t.ForUpdate("x"))
	if err != nil {
		return 0, err
	}
	for _, x := range rows {
		if s.box.sealed(x.blob) {
			continue
		}
		plain, err := was.Open(aad(x.tenant, x.key), x.blob)
		if err != nil {
			return 0, crontopus.Errorf(crontopus.CodeConflict, "%s %q of the tenant %s: %w", table, x.key, x.tenant, err).
				WithHint("nothing was changed; store it anew or remove it, with a server that runs, then try again")
		}
		if _, err := t.Exec(ctx, "UPDATE "+table+" SET "+column+" = $1 WHERE tenant_id = $2 AND "+key+" = $3",
			s.box.Seal(aad(x.tenant, x.key), plain), x.tenant, x.key); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// holdsBox refuses to store what this store's box has sealed, if another key has taken its place meanwhile.
func (s *Store) holdsBox(ctx context.Context, t tx) error {
	ok, err := exists(ctx, t, "SELECT 1 FROM installation i WHERE box_key IN ('', $1)"+t.ForUpdate("i"), s.box.keyID)
	if err == nil && !ok {
		err = crontopus.Errorf(crontopus.CodeConflict, "the key that seals credentials was changed, and this server has the one before").
			WithHint("copy keys/box.key from where it was changed, and start this server again. If no copy is left, stop all servers, " +
				"let this server's key count: UPDATE installation SET box_key = '', and enter each credential anew")
	}
	return err
}
