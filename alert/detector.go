package alert

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/loop"
)

const (
	lookEvery  = time.Second      // for watches whose time has come; Wake does not wait for it
	lookBatch  = 200              // watches in one transaction
	adoptEvery = 10 * time.Minute // for what has no watch: an older server on the same database makes none
)

// DetectorStore is what a Detector needs of the store.
type DetectorStore interface {
	// SystemLook has watches judged whose time has come, at most limit, and keeps the verdicts.
	SystemLook(ctx context.Context, now time.Time, limit int, judge func([]crontopus.Look) []crontopus.Verdict) (int, error)
	// SystemAdopt makes watches for what has none, and makes good that the clock was set back.
	SystemAdopt(ctx context.Context, now time.Time) error
}

// Observer is told how detection goes, once a batch's verdicts are committed.
type Observer interface {
	// Looked tells of a batch: how many watches, and by how much the first was looked at late.
	Looked(watches int, lag time.Duration)
	// IncidentOpened tells of an incident.
	IncidentOpened(kind crontopus.AlertKind)
	// Detected tells of an incident that a deadline led to, and for how long that was over.
	Detected(kind crontopus.AlertKind, lag time.Duration)
}

// Detector looks at watches when their time comes.
type Detector struct {
	Store    DetectorStore
	Observer Observer
	Now      func() time.Time
	Log      *slog.Logger

	wake    loop.Signal
	adopted time.Time
	stepped time.Time
}

// NewDetector makes a Detector. It starts nothing; Run does.
func NewDetector(d Detector) *Detector {
	d.wake = loop.NewSignal()
	return &d
}

// Wake makes Run look now.
func (d *Detector) Wake() { d.wake.Send() }

// Run looks until ctx ends, and then returns nil.
func (d *Detector) Run(ctx context.Context) error {
	l := loop.Loop{Name: "detection", Interval: lookEvery, Backoff: loop.Backoff{Max: 5 * time.Second}, Wake: d.wake, Log: d.Log, Step: d.step}
	return l.Run(ctx)
}

func (d *Detector) step(ctx context.Context) error {
	now := d.Now()
	back := now.Before(d.stepped)
	d.stepped = now
	if d.adopted.IsZero() || now.Sub(d.adopted) >= adoptEvery || back {
		if err := d.Store.SystemAdopt(ctx, now); err != nil {
			return err
		}
		d.adopted = now
	}
	for {
		var looks []crontopus.Look
		var verdicts []crontopus.Verdict
		n, err := d.Store.SystemLook(ctx, d.Now(), lookBatch, func(list []crontopus.Look) []crontopus.Verdict {
			looks, verdicts = list, judge(list)
			return verdicts
		})
		if err != nil {
			return err
		}
		if n > 0 {
			d.tell(looks, verdicts)
		}
		if n < lookBatch {
			return nil
		}
	}
}

func judge(looks []crontopus.Look) []crontopus.Verdict {
	verdicts := make([]crontopus.Verdict, len(looks))
	for i := range looks {
		verdicts[i] = Judge(&looks[i])
	}
	return verdicts
}

// Judge says what comes of a look.
func Judge(l *crontopus.Look) crontopus.Verdict {
	switch l.Watch.Kind {
	case crontopus.WatchAgent:
		return judgeAgent(l)
	case crontopus.WatchSource:
		return judgeSource(l)
	}
	return judgeEntry(l)
}

// newID makes an id whose text sorts by time.
func newID(now time.Time) string {
	id := uuid.Must(uuid.NewV7())
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id.String()
}
