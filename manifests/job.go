package manifests

import (
	crontopus "crontopus.dev/crontopus"
)

// jobOf takes what is of the right type from a decoded document. The rest is the schema's
// to report, so a job with problems can still be checked for others.
func jobOf(doc map[string]any) *crontopus.Job {
	spec := object(doc, "spec")
	target, run, monitor := object(spec, "target"), object(spec, "run"), object(spec, "monitor")
	job := &crontopus.Job{
		APIVersion: text(doc, "apiVersion"),
		Kind:       text(doc, "kind"),
		Metadata:   metadata(doc),
		Spec: crontopus.JobSpec{
			Schedule: schedules(spec),
			Every:    duration(spec, "every"),
			Timezone: text(spec, "timezone"),
			Target: crontopus.Target{
				Labels: texts(target, "labels"),
				Agents: list[string](target, "agents"),
				All:    flag(target, "all"),
				Ping:   flag(target, "ping"),
			},
			Run: crontopus.RunSpec{
				Command:          list[string](run, "command"),
				Script:           text(run, "script"),
				Shell:            text(run, "shell"),
				User:             text(run, "user"),
				WorkingDirectory: text(run, "workingDirectory"),
				Environment:      texts(run, "environment"),
				Secrets:          texts(run, "secrets"),
				Timeout:          duration(run, "timeout"),
				Concurrency:      crontopus.Concurrency(text(run, "concurrency")),
				Retries:          retries(run),
				Splay:            duration(run, "splay"),
				CaptureOutput:    size(run, "captureOutput"),
				Passthrough:      flag(run, "passthrough"),
			},
			Monitor: crontopus.Monitor{
				Grace:         duration(monitor, "grace"),
				StartDeadline: duration(monitor, "startDeadline"),
				MaxDuration:   duration(monitor, "maxDuration"),
				CatchUp:       text(monitor, "catchUp"),
				DependsOn:     list[string](monitor, "dependsOn"),
			},
			Suspend: flag(spec, "suspend"),
		},
	}
	for _, code := range list[int64](run, "successExitCodes") {
		job.Spec.Run.SuccessExitCodes = append(job.Spec.Run.SuccessExitCodes, int(code))
	}
	return job
}

func metadata(doc map[string]any) crontopus.Metadata {
	meta := object(doc, "metadata")
	return crontopus.Metadata{
		Name:        text(meta, "name"),
		Namespace:   text(meta, "namespace"),
		Description: text(meta, "description"),
		Labels:      texts(meta, "labels"),
		Annotations: texts(meta, "annotations"),
	}
}

func object(m map[string]any, key string) map[string]any { v, _ := m[key].(map[string]any); return v }
func text(m map[string]any, key string) string           { v, _ := m[key].(string); return v }
func flag(m map[string]any, key string) bool             { v, _ := m[key].(bool); return v }

func texts(m map[string]any, key string) map[string]string {
	values := object(m, key)
	if values == nil {
		return nil
	}
	out := make(map[string]string, len(values))
	for k := range values {
		out[k] = text(values, k)
	}
	return out
}

func list[T any](m map[string]any, key string) []T {
	items, _ := m[key].([]any)
	var out []T
	for _, item := range items {
		v, _ := item.(T)
		out = append(out, v)
	}
	return out
}

func schedules(spec map[string]any) crontopus.Schedules {
	if one, isText := spec["schedule"].(string); isText {
		return crontopus.Schedules{one}
	}
	return list[string](spec, "schedule")
}

func duration(m map[string]any, key string) crontopus.Duration {
	d, _ := crontopus.ParseDuration(text(m, key)) // checkJob reports what it cannot read
	return d
}

func size(m map[string]any, key string) *crontopus.Size {
	switch v := m[key].(type) {
	case int64:
		s := crontopus.Size(v)
		return &s
	case string:
		if s, err := crontopus.ParseSize(v); err == nil {
			return &s
		}
	}
	return nil
}

func retries(run map[string]any) *crontopus.Retries {
	m := object(run, "retries")
	if m == nil {
		return nil
	}
	limit, _ := m["limit"].(int64)
	return &crontopus.Retries{Limit: int(limit), Backoff: duration(m, "backoff"), MaxBackoff: duration(m, "maxBackoff")}
}
