package lint

import (
	"fmt"
	"slices"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
	"crontopus.dev/crontopus/manifests"
)

// unknownChannels finds steps of policies that name a channel which is nowhere.
func unknownChannels(tree *manifests.Tree) (found []finding) {
	known := map[crontopus.JobName]bool{}
	for i := range tree.Alerting {
		if tree.Alerting[i].Channel != nil {
			known[tree.Alerting[i].Name()] = true
		}
	}
	for i := range tree.Alerting {
		a := &tree.Alerting[i]
		if a.Policy == nil {
			continue
		}
		for n, step := range a.Policy.Spec.Notify {
			if name := a.Policy.ChannelName(step); !known[name] {
				found = append(found, finding{
					doc: a, pointer: fmt.Sprintf("/spec/notify/%d/channel", n),
					message: fmt.Sprintf("no manifest here is the NotificationChannel %s", name), hint: nearest(name, known),
				})
			}
		}
	}
	return found
}

// unknownDependencies finds jobs that others depend on and that are nowhere.
func unknownDependencies(tree *manifests.Tree) (found []finding) {
	known := map[crontopus.JobName]bool{}
	for i := range tree.Documents {
		known[tree.Documents[i].Job.Name()] = true
	}
	for i := range tree.Documents {
		doc := &tree.Documents[i]
		for _, name := range doc.Job.DependsOn() {
			if !known[name] {
				found = append(found, finding{
					doc: doc, pointer: "/spec/monitor/dependsOn",
					message: fmt.Sprintf("no manifest here is the job %s", name), hint: nearest(name, known),
				})
			}
		}
	}
	return found
}

// nearest suggests the name that was meant, or says what to do where it is elsewhere.
func nearest(name crontopus.JobName, known map[crontopus.JobName]bool) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k.String())
	}
	slices.Sort(names)
	if near := suggest.Nearest(name.String(), names); near != "" {
		return "did you mean " + near + "?"
	}
	return "write it, or allow this where another repository has it"
}
