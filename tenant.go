package crontopus

import "time"

// TenantID identifies a tenant. Every row of a tenant carries it.
type TenantID string

// DefaultTenant is the tenant that the first start makes.
const DefaultTenant TenantID = "default"

// Tenant is an organisation on the platform; it owns everything below.
type Tenant struct {
	ID        TenantID  `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

// Installation is what all tenants of one Crontopus share. Its ID is the audience of
// agents' tokens. Epoch grows when an operator restores a backup, so that generations
// may start over.
type Installation struct {
	ID    string `json:"id"`
	Epoch int64  `json:"epoch"`
}

// Role says what an API key may do; each includes the ones before it: a viewer reads,
// an operator syncs, approves and enrolls, an admin adds sources and keys.
type Role string

// The roles, weakest first.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Includes reports whether a holder of r may do what needs other.
func (r Role) Includes(other Role) bool { return r.rank() >= other.rank() && other.rank() > 0 }

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case RoleViewer:
		return 1
	case RoleOperator:
		return 2
	case RoleAdmin:
		return 3
	}
	return 0
}

// APIKey is a credential of a person or program. Its secret is shown once and stored as
// a SHA-256 only.
type APIKey struct {
	ID        string     `json:"id"`
	Tenant    TenantID   `json:"tenant"`
	Name      string     `json:"name"`
	Role      Role       `json:"role"`
	CreatedAt time.Time  `json:"createdAt"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}
