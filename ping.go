package crontopus

import "time"

// Ping is a check-in that proves by its address what it may check in for: by the random id of
// one job's ping URL, or by a ping key, which is good for the jobs of one namespace.
type Ping struct {
	Tenant   TenantID
	URL      string // id of the ping URL; or
	Key      string // id of the ping key
	CheckIns []CheckIn
	Unnamed  bool // it names no run: an end is that of the last start which names none either
}

// MaxPingPause is how long after a start that names no run an end without a name still belongs
// to it.
const MaxPingPause = 72 * time.Hour

// PingKey checks in for the jobs of one namespace by their names. Its secret is not kept.
type PingKey struct {
	ID        string     `json:"id"`
	Tenant    TenantID   `json:"-"`
	Namespace string     `json:"namespace"`
	CreatedAt time.Time  `json:"createdAt"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}
