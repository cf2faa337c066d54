package cli

import (
	"fmt"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
	"crontopus.dev/crontopus/schedule"
)

// explainedAlerting is what explain tells of a policy, a channel or a window.
type explainedAlerting struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	Words string `json:"words"`
}

func explainAlerting(a *manifests.Alerting) explainedAlerting {
	e := explainedAlerting{Kind: a.Kind(), Name: a.Name().String(), File: a.Path, Line: a.Line}
	switch {
	case a.Policy != nil:
		e.Words = policyWords(a.Policy)
	case a.Channel != nil:
		e.Words = channelWords(&a.Channel.Spec)
	case a.Window != nil:
		e.Words = windowWords(a.Window)
	}
	return e
}

func (e explainedAlerting) write(p *printer) error {
	t := &table{style: p.style}
	t.row(e.Kind, e.Name)
	t.row("written in", fmt.Sprintf("%s:%d", e.File, e.Line))
	t.row("says", e.Words)
	return t.write(p.out)
}

func policyWords(p *crontopus.AlertPolicy) string {
	kinds := "everything"
	if len(p.Spec.When) > 0 {
		names := make([]string, len(p.Spec.When))
		for i, kind := range p.Spec.When {
			names[i] = string(kind)
		}
		kinds = strings.Join(names, ", ")
	}
	steps := make([]string, len(p.Spec.Notify))
	for i, step := range p.Spec.Notify {
		steps[i] = p.ChannelName(step).String()
		if step.After > 0 {
			steps[i] += " after " + step.After.String()
		}
	}
	words := fmt.Sprintf("of %s with %s, tell %s; severity %s", kinds, matchWords(&p.Spec.Match, p.Metadata.Namespace), strings.Join(steps, ", then "), p.Spec.Severity)
	if p.Spec.AfterFailures > 1 {
		words += fmt.Sprintf("; of failures, after %d in a row", p.Spec.AfterFailures)
	}
	if p.Spec.RemindEvery > 0 {
		words += "; again every " + p.Spec.RemindEvery.String()
	}
	return words
}

// matchWords say what a match of a manifest in the namespace is about.
func matchWords(m *crontopus.Match, namespace string) string {
	if m.All {
		return "every job, agent and source"
	}
	var parts []string
	add := func(what string, list []string) {
		if len(list) > 0 {
			parts = append(parts, what+" "+strings.Join(list, ", "))
		}
	}
	spaces := m.Namespaces
	if len(spaces)+len(m.Sources) == 0 {
		spaces = []string{namespace}
	}
	add("namespace", spaces)
	if len(m.Labels) > 0 {
		parts = append(parts, "labels "+labels(m.Labels))
	}
	add("job", m.Jobs)
	add("agent", m.Agents)
	add("source", m.Sources)
	return strings.Join(parts, " and ")
}

func channelWords(c *crontopus.ChannelSpec) string {
	words := c.Type
	switch {
	case c.Email != nil:
		words += " to " + strings.Join(c.Email.To, ", ")
	case c.Webhook != nil:
		words += " to " + c.Webhook.URL
	}
	if c.Default {
		words += ", also of what no policy matches"
	}
	return words + fmt.Sprintf(", at most %d messages an hour", c.MaxPerHour)
}

func windowWords(w *crontopus.MaintenanceWindow) string {
	words := "nobody is told of " + matchWords(&w.Spec.Match, w.Metadata.Namespace)
	if len(w.Spec.Schedule) == 0 {
		return words + " from " + w.Spec.Start + " until " + w.Spec.End
	}
	when := strings.Join(w.Spec.Schedule, ", ")
	if set, err := schedule.New(w.Spec.Schedule, w.Spec.Timezone, w.Metadata.Namespace+"/"+w.Metadata.Name); err == nil {
		when = set.Words()
	}
	return fmt.Sprintf("%s %s, in %s, for %s", words, when, w.Spec.Timezone, w.Spec.Duration)
}
