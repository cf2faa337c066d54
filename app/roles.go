package app

import (
	"slices"
	"strings"

	"crontopus.dev/crontopus"
)

// The roles that a server may have. Servers that share a PostgreSQL may split them.
const (
	RoleAPI    = "api"    // answers agents, people and forges
	RoleSyncer = "syncer" // syncs sources and publishes bundles: the only one that reads the signing key
	RoleAlert  = "alert"  // judges what did not run, and tells people
)

// has reports whether the server has the role.
func (o *Options) has(role string) bool { return slices.Contains(o.Roles, role) }

// validateRoles refuses a server that would do less than its operator thinks.
func (o *Options) validateRoles() error {
	known := []string{RoleAPI, RoleSyncer, RoleAlert}
	for _, role := range o.Roles {
		if !slices.Contains(known, role) {
			return crontopus.Errorf(crontopus.CodeInvalid, "--roles names %q, which is no role", role).
				WithHint("a server has one or more of %s", strings.Join(known, ", "))
		}
	}
	switch {
	case len(o.Roles) == 0:
		return crontopus.Errorf(crontopus.CodeInvalid, "--roles leaves the server nothing to do").
			WithHint("give it one or more of %s", strings.Join(known, ", "))
	case o.Database == "" && (!o.has(RoleAPI) || !o.has(RoleSyncer) || !o.has(RoleAlert)):
		return crontopus.Errorf(crontopus.CodeInvalid, "--roles splits what one server on SQLite has to do alone").
			WithHint("leave --roles out, or name a PostgreSQL that several servers share with --database")
	}
	return nil
}
