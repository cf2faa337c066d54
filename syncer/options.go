package syncer

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/logs"
	"crontopus.dev/crontopus/internal/trace"
)

// Options is what a Syncer and a Publisher are made of.
type Options struct {
	DataDir          string             // mirrors are kept below it
	Key              ed25519.PrivateKey // signs bundles
	AllowNetworks    []netip.Prefix     // closed ranges that sources may resolve to, and the only ones for plain http
	AllowFileSources bool
	FetchCommand     []string            // argv of a program that calls ServeFetch; default: this one with "fetch-child"
	FetchTimeout     time.Duration       // of one fetch, reading included; default 2 minutes
	FetchLimits      FetchLimits         // of memory, computing and disk
	OlderKeys        []ed25519.PublicKey // that sealed desired state before Key did
	BundleLife       time.Duration       // default 14 days
	// OnPublished hears which agents have a new bundle, after it is stored.
	OnPublished func(tenant crontopus.TenantID, agentIDs []string)
	// OnMarked hears that agents were marked: the time to wake the Publisher.
	OnMarked func()
	Observer Observer         // hears what was done; default nobody
	Tracer   trace.Tracer     // default trace.Off
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // default slog.Default
	Store    Store
}

// Store is what syncer needs of the store; app provides it.
type Store interface {
	SyncStore
	PublishStore
}

// defaults fills in what was left out, and refuses what cannot work.
func (o Options) defaults() (Options, error) {
	if o.Store == nil || o.DataDir == "" {
		return o, crontopus.Errorf(crontopus.CodeInvalid, "syncer: Store and DataDir are needed")
	}
	if len(o.FetchCommand) == 0 {
		self, err := os.Executable()
		if err != nil {
			return o, crontopus.Errorf(crontopus.CodeInternal, "syncer: cannot find this program to start it as fetch child: %w", err)
		}
		o.FetchCommand = []string{self, "fetch-child"}
	}
	if o.FetchTimeout <= 0 {
		o.FetchTimeout = 2 * time.Minute
	}
	o.FetchLimits = o.FetchLimits.defaults(o.FetchTimeout)
	if o.BundleLife <= 0 {
		o.BundleLife = 14 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Log = slog.New(logs.Handler(o.Log.Handler())) // its lines have the sync's id
	if o.OnPublished == nil {
		o.OnPublished = func(crontopus.TenantID, []string) {}
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Tracer == nil {
		o.Tracer = trace.Off{}
	}
	if o.OnMarked == nil {
		o.OnMarked = func() {}
	}
	return o, nil
}

// SyncStore is what a Syncer reads and writes.
type SyncStore interface {
	SystemDueSources(ctx context.Context, now time.Time) ([]crontopus.Source, error)
	SystemSource(ctx context.Context, id string) (crontopus.Source, error)
	SystemRequestSync(ctx context.Context, sourceID, trigger string, now time.Time) error
	SystemBeginSync(ctx context.Context, sourceID, owner string, now time.Time) error
	SystemRenewLease(ctx context.Context, sourceID, owner string, now time.Time) error
	SystemAbandonSync(ctx context.Context, sourceID, owner string, now time.Time) error
	SourceSecrets(ctx context.Context, tenant crontopus.TenantID, id string) (crontopus.SourceSecrets, error)
	AgentsSince(ctx context.Context, tenant crontopus.TenantID, since int64) (agents []crontopus.Agent, sequence int64, err error)
	DesiredSince(ctx context.Context, tenant crontopus.TenantID, known map[string]int64) (crontopus.DesiredSet, error)
	DesiredAlerting(ctx context.Context, tenant crontopus.TenantID) ([]crontopus.DesiredAlerting, error)
	FinishSync(ctx context.Context, tenant crontopus.TenantID, sourceID string, outcome crontopus.SyncOutcome) error
	DropSource(ctx context.Context, tenant crontopus.TenantID, sourceID string, mark []string) error
}

// PublishStore is what a Publisher reads and writes.
type PublishStore interface {
	SystemSource(ctx context.Context, id string) (crontopus.Source, error)
	SystemRequestSync(ctx context.Context, sourceID, trigger string, now time.Time) error
	SystemAgent(ctx context.Context, agentID string) (crontopus.Agent, error)
	SystemInstallation(ctx context.Context) (crontopus.Installation, error)
	SystemLeasePublisher(ctx context.Context, owner string, now, until time.Time) error
	SystemEndPublisherLease(ctx context.Context, owner string) error
	SystemMarked(ctx context.Context, last string, limit int) ([]crontopus.Mark, error)
	SystemMarkExpiring(ctx context.Context, before time.Time) (int, error)
	DesiredSince(ctx context.Context, tenant crontopus.TenantID, known map[string]int64) (crontopus.DesiredSet, error)
	Publication(ctx context.Context, tenant crontopus.TenantID, agentID string) (crontopus.Publication, error)
	StallSource(ctx context.Context, tenant crontopus.TenantID, sourceID, reason, message string, now time.Time) error
	CommitPublications(ctx context.Context, tenant crontopus.TenantID, desiredSequence int64,
		pubs []crontopus.Publication, done []crontopus.Mark) error
}
