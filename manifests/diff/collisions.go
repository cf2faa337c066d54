package diff

import (
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/manifests/forecast"
)

// Collisions are looked for on the day that follows.
const (
	collisionHours = 24
	mostCollisions = 20 // are told
)

// collisions returns the minutes of the next day in which more jobs start on a host than
// should, and did not before. Where nobody knows the hosts, a target stands for one.
func collisions(before, after []crontopus.DesiredJob, fleet Fleet, from time.Time) (found []forecast.Collision, count int) {
	now := colliding(after, fleet, from, mostCollisions, nil)
	if now == nil || now.CollisionCount == 0 {
		return []forecast.Collision{}, 0
	}
	if now.CollisionCount > len(now.Collisions) {
		now = colliding(after, fleet, from, now.CollisionCount, nil)
	}
	hit := map[string]bool{}
	for _, c := range now.Collisions {
		hit[c.Target] = true
	}
	type place struct {
		target string
		at     int64
	}
	known := map[place]bool{}
	if was := colliding(before, fleet, from, len(hit)*collisionHours*60, hit); was != nil {
		for _, c := range was.Collisions {
			known[place{c.Target, c.At.Unix()}] = true
		}
	}
	found = []forecast.Collision{}
	for _, c := range now.Collisions {
		if known[place{c.Target, c.At.Unix()}] {
			continue
		}
		if count++; count <= mostCollisions {
			found = append(found, c)
		}
	}
	return found, count
}

// colliding forecasts a day of jobs; nil where their times cannot be told. Only limits it to
// some targets.
func colliding(jobs []crontopus.DesiredJob, fleet Fleet, from time.Time, most int, only map[string]bool) *forecast.Forecast {
	var entries []forecast.Entry
	for i := range jobs {
		if !runs(&jobs[i]) {
			continue
		}
		targets := map[string][]string{} // by time zone
		if fleet.Known {
			for k := range fleet.Agents {
				agent := &fleet.Agents[k]
				if manifests.RunsOn(&jobs[i].Job, agent) && (only == nil || only[agent.Name]) {
					zone := hostZone(&jobs[i].Job, agent.Status.Report.Timezone)
					targets[zone] = append(targets[zone], agent.Name)
				}
			}
		} else if target := targetOf(&jobs[i]); only == nil || only[target] {
			targets[hostZone(&jobs[i].Job, "")] = []string{target}
		}
		for zone, names := range targets {
			there, _ := jobs[i].Job.InZone(func() string { return zone }) // never empty
			entries = append(entries, forecast.Entry{Job: there, Targets: names})
		}
	}
	f, err := forecast.Make(entries, forecast.Options{From: from, Hours: collisionHours, Limit: forecast.HerdSize, Most: most})
	if err != nil {
		return nil // a schedule of another version has no times here
	}
	return f
}

// hostZone is the zone of a job on a host that has one of its own, if it is known.
func hostZone(job *crontopus.Job, host string) string {
	if job.Spec.Timezone != crontopus.TimezoneHost {
		return job.Spec.Timezone
	}
	if host != "" {
		return host
	}
	return crontopus.DefaultTimezone
}
