package changes

import (
	"fmt"
	"strings"

	"crontopus.dev/crontopus/manifests/diff"
)

// A comment on GitHub or Forgejo has 65,536 characters at most; whoever posts it adds a few.
const (
	maxMarkdown = 60_000 // bytes
	maxChanges  = 40_000 // of them for the jobs, so that the hosts are not crowded out
	maxLines    = 60     // of one job or host
)

// markdown writes the report as a comment. What manifests, files and hosts say stands in
// code only, where it is nothing but text.
func markdown(r *diff.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Crontopus: %s\n\n%s → %s", headline(r), code(visible(r.From)), code(visible(r.To)))
	if s := reach(r); s != "" {
		b.WriteString(", " + s)
	}
	b.WriteString("\n")
	if s, holds := guard(r); holds {
		fmt.Fprintf(&b, "\n**%s.**\n", sentence(s))
	} else if s != "" {
		fmt.Fprintf(&b, "\n%s.\n", sentence(s))
	}
	for i, note := range r.Notes {
		if i == maxLines {
			break
		}
		fmt.Fprintf(&b, "\n%s\n", code(visible(note)))
	}
	if lines := collided(r); len(lines) > 0 {
		b.WriteString("\n" + block(lines))
	}
	var sections []string
	for i := range r.Changes {
		sections = append(sections, jobSection(&r.Changes[i]))
	}
	for i := range r.Alerting {
		sections = append(sections, alertingSection(&r.Alerting[i]))
	}
	fill(&b, sections, maxChanges, "change")
	if len(r.Hosts) == 0 {
		return b.String()
	}
	const end = "\n</details>\n"
	b.WriteString("\n<details><summary>What the schedulers will hold</summary>\n")
	sections = make([]string, len(r.Hosts))
	for i := range r.Hosts {
		sections[i] = hostSection(&r.Hosts[i])
	}
	fill(&b, sections, maxMarkdown-len(end), "group of hosts")
	b.WriteString(end)
	return b.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// fill adds sections up to a length and counts the others.
func fill(b *strings.Builder, sections []string, upTo int, noun string) {
	const rest = 200 // room to count the others
	for i, s := range sections {
		if b.Len()+len(s)+rest > upTo {
			left := len(sections) - i
			fmt.Fprintf(b, "\n… and %d more: each %s is in the output of `crontopus diff`.\n", left, noun)
			return
		}
		b.WriteString(s)
	}
}

func jobSection(c *diff.Change) string {
	title := fmt.Sprintf("\n#### %s %s\n\n%s\n", sentence(string(c.Kind)), code(c.Job.String()), code(stamp(c)))
	if lines := ofJob(c); len(lines) > 0 {
		return title + "\n" + block(lines)
	}
	return title
}

func hostSection(h *diff.Host) string {
	names, about := titleOf(h)
	return fmt.Sprintf("\n%s (%s)\n\n%s", code(names), code(about), block(ofHost(h)))
}

// block is lines as a difference, which is shown in colours.
func block(lines []line) string {
	var texts []string
	for i, l := range lines {
		if i == maxLines {
			texts = append(texts, fmt.Sprintf("  … and %s more", count(len(lines)-i, "line")))
			break
		}
		texts = append(texts, l.String())
	}
	return fenced("diff", texts)
}
