package api

import (
	"time"

	"golang.org/x/time/rate"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/recent"
)

// How often one job may be pinged, through one server: far more than any schedule needs, far less
// than a loop gone wild sends.
const (
	pingsPerSecond = 5
	pingsAtOnce    = 100
)

// pingLimit keeps a single job from filling the database.
type pingLimit struct {
	jobs *recent.Map[pinged, *rate.Limiter]
}

func newPingLimit() *pingLimit {
	return &pingLimit{recent.New[pinged, *rate.Limiter](rememberedPings)}
}

func (l *pingLimit) allow(tenant crontopus.TenantID, job crontopus.JobName, now time.Time) bool {
	of := pinged{tenant, job}
	limiter, known, seen := l.jobs.Get(of)
	if !known { // two at once make one each, and the next has that of either
		limiter = rate.NewLimiter(pingsPerSecond, pingsAtOnce)
		l.jobs.Put(of, limiter, seen)
	}
	return limiter.AllowN(now, 1)
}
