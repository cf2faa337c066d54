package store

import (
	"context"
	"errors"
	"slices"

	"crontopus.dev/crontopus"
)

// maxSecret is how many bytes a secret may have: a key or an address, not a file.
const maxSecret = 8 << 10

// secretAAD binds a sealed secret to its row.
func secretAAD(tenant crontopus.TenantID, name string) []byte {
	return []byte(string(tenant) + "\x00secrets\x00" + name)
}

func noSecret(name string) *crontopus.Error {
	return crontopus.Errorf(crontopus.CodeNotFound, "there is no secret %q", name)
}

// SetSecret seals a value under a name, in the place of one that is there.
func (s *Store) SetSecret(ctx context.Context, tenant crontopus.TenantID, actor, name string, value []byte) error {
	if !crontopus.ValidSecretName(name) {
		return crontopus.Errorf(crontopus.CodeInvalid, "%q cannot name a secret", name).
			WithHint("use up to 63 of a-z, 0-9 and '-', with a letter or digit at both ends; NAMESPACE.NAME is one that sources limited to the namespace may refer to, too")
	}
	if len(value) == 0 || len(value) > maxSecret {
		return crontopus.Errorf(crontopus.CodeInvalid, "a secret has 1 to %d bytes, not %d", maxSecret, len(value))
	}
	sealed := s.box.Seal(secretAAD(tenant, name), value)
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		if err := s.holdsBox(ctx, t); err != nil {
			return err
		}
		_, err := t.Exec(ctx, `
			INSERT INTO secrets (tenant_id, name, sealed, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant_id, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
			tenant, name, sealed, micros(s.now()), actor)
		if err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "secret.set", name, "")
	})
}

// Secrets lists the names of secrets and who set them. Nothing returns their values.
func (s *Store) Secrets(ctx context.Context, tenant crontopus.TenantID) (list []crontopus.Secret, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		list, err = collect(ctx, t, func(r row, v *crontopus.Secret) error {
			return r.Scan(&v.Name, instant(&v.UpdatedAt), &v.UpdatedBy)
		}, "SELECT name, updated_at, updated_by FROM secrets WHERE tenant_id = $1 ORDER BY name", tenant)
		return err
	})
	return list, err
}

// MuteChannels lists the channels that refer to secrets which are not stored.
func (s *Store) MuteChannels(ctx context.Context, tenant crontopus.TenantID) (mute []crontopus.MuteChannel, err error) {
	err = s.engine.read(ctx, tenantScope(tenant), func(t tx) error {
		channels, err := collect(ctx, t, scanChannel, selectChannels+"ORDER BY namespace, name", tenant)
		if err != nil {
			return err
		}
		stored, err := collect(ctx, t, func(r row, name *string) error { return r.Scan(name) }, "SELECT name FROM secrets WHERE tenant_id = $1", tenant)
		if err != nil {
			return err
		}
		mute = nil
		for i := range channels {
			var missing []string
			for _, reference := range channels[i].Spec.References() {
				if name := secretName(reference); !slices.Contains(stored, name) && !slices.Contains(missing, name) {
					missing = append(missing, name)
				}
			}
			if len(missing) > 0 {
				mute = append(mute, crontopus.MuteChannel{Channel: channels[i].Name(), Missing: missing})
			}
		}
		return nil
	})
	return mute, err
}

// DeleteSecret forgets a secret. Channels that refer to it deliver nothing from then on.
func (s *Store) DeleteSecret(ctx context.Context, tenant crontopus.TenantID, actor, name string) error {
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		n, err := t.Exec(ctx, "DELETE FROM secrets WHERE tenant_id = $1 AND name = $2", tenant, name)
		if err == nil && n == 0 {
			err = noSecret(name).WithHint("`crontopus secrets list` shows those that there are")
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "secret.delete", name, "")
	})
}

// openSecrets returns the values that references name, by reference.
func (s *Store) openSecrets(ctx context.Context, t tx, tenant crontopus.TenantID, references []string) (map[string]string, error) {
	values := map[string]string{}
	for _, reference := range references {
		var sealed []byte
		name := secretName(reference)
		err := t.QueryRow(ctx, "SELECT sealed FROM secrets WHERE tenant_id = $1 AND name = $2", tenant, name).Scan(&sealed)
		if errors.Is(err, errNoRow) {
			err = noSecret(name).WithHint("store it with `crontopus secrets set %s`", name)
		}
		if err != nil {
			return nil, err
		}
		plain, err := s.box.Open(secretAAD(tenant, name), sealed)
		if err != nil {
			return nil, err
		}
		values[reference] = string(plain)
	}
	return values, nil
}
