package schedule

import (
	"time"

	"crontopus.dev/crontopus"
)

// Window reports whether an instant is inside a maintenance window, and when that ends. A window
// that cannot be read covers nothing: the syncer has refused it.
func Window(w *crontopus.MaintenanceWindow, at time.Time) (end time.Time, inside bool) {
	if len(w.Spec.Schedule) == 0 {
		start, err := time.Parse(time.RFC3339, w.Spec.Start)
		if err != nil {
			return time.Time{}, false
		}
		if end, err = time.Parse(time.RFC3339, w.Spec.End); err != nil {
			return time.Time{}, false
		}
		return end, !at.Before(start) && at.Before(end)
	}
	name := crontopus.JobName{Namespace: w.Metadata.Namespace, Name: w.Metadata.Name}
	set, err := New(w.Spec.Schedule, w.Spec.Timezone, name.String())
	if err != nil {
		return time.Time{}, false
	}
	start, ok := set.Prev(at)
	if !ok {
		return time.Time{}, false
	}
	end = start.Add(w.Spec.Duration.Std()).UTC()
	return end, at.Before(end)
}
