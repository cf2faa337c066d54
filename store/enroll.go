package store

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// token is an enrolment token as it is stored: with the uses that it began with.
type token struct {
	crontopus.EnrollmentToken
	tenant    crontopus.TenantID
	usesTotal int
}

const tokenColumns = "tenant_id, id, labels, name, name_pattern, match_facts, uses, uses_total, created_at, expires_at"

func scanToken(r row, k *token) error {
	return r.Scan(&k.tenant, &k.ID, document(&k.Labels), &k.Name, &k.NamePattern, flag(&k.MatchFacts),
		&k.Uses, &k.usesTotal, instant(&k.CreatedAt), instant(&k.ExpiresAt))
}

// CreateEnrollmentToken stores a token by its secret's hash. A token that fixes a name
// must have one use.
func (s *Store) CreateEnrollmentToken(ctx context.Context, tenant crontopus.TenantID, actor string, k crontopus.EnrollmentToken, hash [32]byte) error {
	if err := checkToken(k); err != nil {
		return err
	}
	return s.engine.write(ctx, tenantScope(tenant), func(t tx) error {
		_, err := t.Exec(ctx, `
			INSERT INTO enrollment_tokens (tenant_id, id, hash, labels, name, name_pattern, match_facts,
				uses, uses_total, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)`,
			tenant, k.ID, hash[:], text(k.Labels), k.Name, k.NamePattern, bit(k.MatchFacts),
			k.Uses, micros(k.CreatedAt), micros(k.ExpiresAt))
		if err != nil {
			return err
		}
		return s.audit(ctx, t, tenant, actor, "enrollment-token.create", k.ID, text(k))
	})
}

func checkToken(k crontopus.EnrollmentToken) error {
	_, badPattern := path.Match(k.NamePattern, "")
	switch {
	case k.Uses < 1:
		return crontopus.Errorf(crontopus.CodeInvalid, "an enrolment token has at least one use, not %d", k.Uses)
	case k.Name != "" && k.Uses != 1:
		return crontopus.Errorf(crontopus.CodeInvalid, "a token that names its agent %q has one use, not %d", k.Name, k.Uses).
			WithHint("give a name pattern instead, or make one token a host")
	case k.Name != "" && !crontopus.ValidName(k.Name):
		return badName(k.Name)
	case badPattern != nil:
		return crontopus.Errorf(crontopus.CodeInvalid, "%q is not a name pattern", k.NamePattern).
			WithHint("write one like web-* or db-[0-9][0-9]")
	}
	return nil
}

func badName(name string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "%q cannot name an agent", name).
		WithHint("use up to 63 of a-z, 0-9 and '-', with a letter or digit at both ends")
}

// SystemEnroll makes an agent of the token with the hash, in one transaction: the use is
// spent if and only if the agent is there. a brings ID, Facts, PublicKey and, as Name, what
// the host proposes. Asking again with the same token and key returns the same agent and
// spends nothing. The codes: not_found for an unknown token, gone for one that has
// expired or has no use left, forbidden for a name outside its pattern or a revoked agent,
// conflict for a name that is taken.
func (s *Store) SystemEnroll(ctx context.Context, hash [32]byte, a crontopus.Agent, now time.Time) (enrolled crontopus.Agent, err error) {
	err = s.engine.write(ctx, scopeCredentials, func(t tx) error {
		var k token
		err := scanToken(t.QueryRow(ctx, "SELECT "+tokenColumns+" FROM enrollment_tokens WHERE hash = $1"+t.ForUpdate("enrollment_tokens"), hash[:]), &k)
		if errors.Is(err, errNoRow) {
			return crontopus.Errorf(crontopus.CodeNotFound, "the enrolment token is unknown").
				WithHint("make a new one with: crontopus agents enroll")
		}
		if err != nil {
			return err
		}
		enrolled, err = enrolledBefore(ctx, t, k, a.PublicKey)
		if !errors.Is(err, errNoRow) {
			return err
		}
		if err := spendUse(ctx, t, hash, k, now); err != nil {
			return err
		}
		if _, err := lockTenant(ctx, t, k.tenant); err != nil { // one name is asked for by one host at a time
			return err
		}
		if a.Name, err = agentName(ctx, t, k, a); err != nil {
			return err
		}
		enrolled, err = insertAgent(ctx, t, k, a, now)
		return err
	})
	return enrolled, err
}

// enrolledBefore returns the agent that this key made of this token, or errNoRow.
func enrolledBefore(ctx context.Context, t tx, k token, publicKey []byte) (a crontopus.Agent, err error) {
	err = scanAgent(t.QueryRow(ctx, selectAgents+`
		WHERE a.tenant_id = $1 AND a.token_id = $2 AND a.public_key = $3`, k.tenant, k.ID, publicKey), &a)
	if err == nil && a.RevokedAt != nil {
		return crontopus.Agent{}, crontopus.Errorf(crontopus.CodeForbidden, "the agent %q was revoked", a.Name).
			WithHint("remove the agent's state folder and enrol with a new token")
	}
	return a, err
}

// spendUse decides in one statement: however many hosts redeem at once, no use is spent twice.
func spendUse(ctx context.Context, t tx, hash [32]byte, k token, now time.Time) error {
	n, err := t.Exec(ctx, `
		UPDATE enrollment_tokens SET uses = uses - 1 WHERE hash = $1 AND uses > 0 AND expires_at > $2`,
		hash[:], micros(now))
	if err != nil || n == 1 {
		return err
	}
	why := "has no use left"
	if !k.ExpiresAt.After(now) {
		why = "expired at " + k.ExpiresAt.Format(time.RFC3339)
	}
	return crontopus.Errorf(crontopus.CodeGone, "the enrolment token %s", why).
		WithHint("make a new one with: crontopus agents enroll")
}

// agentName decides an agent's name: the token's, else the proposed one inside the
// token's pattern, else one that is made up.
func agentName(ctx context.Context, t tx, k token, a crontopus.Agent) (string, error) {
	name := k.Name
	if name == "" {
		name = a.Name
		if match, err := path.Match(k.NamePattern, name); k.NamePattern != "" && (err != nil || !match) {
			return "", crontopus.Errorf(crontopus.CodeForbidden, "the name %q is not one that the token allows: %s", name, k.NamePattern).
				WithHint("propose a matching one with --name")
		}
	}
	if name == "" {
		name = "agent-" + uuid.NewString()[:8]
	}
	if !crontopus.ValidName(name) {
		return "", badName(name)
	}
	taken, err := exists(ctx, t, "SELECT id FROM agents WHERE tenant_id = $1 AND name = $2 AND revoked_at IS NULL", k.tenant, name)
	if err != nil {
		return "", err
	}
	if taken {
		return "", crontopus.Errorf(crontopus.CodeConflict, "there is an agent %q already", name).
			WithHint("choose another name with --name, or revoke the old agent: crontopus agents revoke %s", name)
	}
	return name, nil
}

func insertAgent(ctx context.Context, t tx, k token, a crontopus.Agent, now time.Time) (crontopus.Agent, error) {
	a.Tenant, a.Labels, a.MatchFacts = k.tenant, k.Labels, k.MatchFacts
	a.NameFixed = k.Name != "" || k.usesTotal == 1
	a.EnrolledAt = now.UTC().Truncate(time.Microsecond)
	a.RevokedAt, a.Status = nil, crontopus.AgentStatus{}
	if a.Facts == nil {
		a.Facts = map[string]string{}
	}
	_, err := t.Exec(ctx, `
		INSERT INTO agents (tenant_id, id, name, name_fixed, labels, facts, match_facts, public_key,
			token_id, sequence, enrolled_at, report)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11)`,
		a.Tenant, a.ID, a.Name, bit(a.NameFixed), text(a.Labels), text(a.Facts), bit(a.MatchFacts), a.PublicKey,
		k.ID, micros(now), text(a.Status.Report))
	if err != nil {
		return a, err
	}
	if err := watchAgent(ctx, t, a.Tenant, a.ID, now); err != nil {
		return a, err
	}
	return a, agentChanged(ctx, t, a.Tenant, a.ID)
}
