package importer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"crontopus.dev/crontopus"
)

// writer writes a manifest, its fields in the order of the reference.
type writer struct {
	strings.Builder
	quoted bool // every text in quotes, for one that nothing else carries
}

// write returns the draft's manifest. Its head lists what it is made of.
func (d *draft) write(quoted bool) string {
	w := &writer{quoted: quoted}
	file := d.file
	fmt.Fprintf(w, "# Imported from %s\n", shown(file))
	for _, l := range d.source {
		if l.file != "" && l.file != file {
			file = l.file
			fmt.Fprintf(w, "# and from %s\n", shown(file))
		}
		fmt.Fprintf(w, "# %d: %s\n", l.number, strings.TrimRight(shown(l.text), " \t")) // as crontopus fmt has it
	}
	j := &d.job
	w.field(0, "apiVersion", j.APIVersion)
	w.field(0, "kind", j.Kind)
	w.open(0, "metadata")
	w.field(1, "name", j.Metadata.Name)
	w.field(1, "namespace", j.Metadata.Namespace)
	w.field(1, "description", j.Metadata.Description)
	w.mapping(1, "labels", j.Metadata.Labels)
	w.mapping(1, "annotations", j.Metadata.Annotations)
	w.open(0, "spec")
	w.schedule(j.Spec.Schedule)
	if j.Spec.Timezone != crontopus.DefaultTimezone {
		w.field(1, "timezone", j.Spec.Timezone)
	}
	w.target(&j.Spec.Target)
	w.run(&j.Spec.Run)
	w.monitor(&j.Spec.Monitor)
	if j.Spec.Suspend {
		w.plain(1, "suspend", "true")
	}
	return w.String()
}

func (w *writer) schedule(exprs crontopus.Schedules) {
	if len(exprs) == 1 {
		w.plain(1, "schedule", quote(exprs[0]))
		return
	}
	w.open(1, "schedule")
	for _, expr := range exprs {
		fmt.Fprintf(w, "    - %s\n", quote(expr))
	}
}

func (w *writer) target(t *crontopus.Target) {
	w.open(1, "target")
	w.mapping(2, "labels", t.Labels)
	w.list(2, "agents", t.Agents)
	if t.All {
		w.plain(2, "all", "true")
	}
}

func (w *writer) run(r *crontopus.RunSpec) {
	w.open(1, "run")
	w.list(2, "command", r.Command)
	w.field(2, "script", r.Script)
	w.field(2, "shell", r.Shell)
	w.field(2, "user", r.User)
	w.field(2, "workingDirectory", r.WorkingDirectory)
	w.mapping(2, "environment", r.Environment)
	w.mapping(2, "secrets", r.Secrets)
	w.duration(2, "timeout", r.Timeout)
	w.field(2, "concurrency", string(r.Concurrency))
	if r.Retries != nil {
		w.open(2, "retries")
		w.plain(3, "limit", strconv.Itoa(r.Retries.Limit))
		w.duration(3, "backoff", r.Retries.Backoff)
		w.duration(3, "maxBackoff", r.Retries.MaxBackoff)
	}
	w.duration(2, "splay", r.Splay)
	if r.SuccessExitCodes != nil {
		codes := strings.Trim(strings.ReplaceAll(fmt.Sprint(r.SuccessExitCodes), " ", ", "), "[]")
		w.plain(2, "successExitCodes", "["+codes+"]")
	}
	if r.Passthrough {
		w.plain(2, "passthrough", "true")
	}
}

func (w *writer) monitor(m *crontopus.Monitor) {
	if m.Empty() {
		return
	}
	w.open(1, "monitor")
	w.duration(2, "grace", m.Grace)
	w.duration(2, "maxDuration", m.MaxDuration)
	w.field(2, "catchUp", m.CatchUp)
}

func (w *writer) open(depth int, key string) {
	fmt.Fprintf(w, "%s%s:\n", strings.Repeat("  ", depth), key)
}

func (w *writer) plain(depth int, key, value string) {
	fmt.Fprintf(w, "%s%s: %s\n", strings.Repeat("  ", depth), key, value)
}

func (w *writer) duration(depth int, key string, d crontopus.Duration) {
	if d > 0 {
		w.plain(depth, key, d.String())
	}
}

// field writes a text, and nothing where there is none: lines as lines, where they can be.
func (w *writer) field(depth int, key, value string) {
	if value == "" {
		return
	}
	if body, ends := strings.CutSuffix(value, "\n"); !w.quoted && strings.ContainsRune(value, '\n') && asBlock(body) {
		sign := "|-"
		if ends {
			sign = "|"
		}
		w.plain(depth, key, sign)
		for line := range strings.SplitSeq(body, "\n") {
			if line != "" {
				w.WriteString(strings.Repeat("  ", depth+1) + line)
			}
			w.WriteByte('\n')
		}
		return
	}
	w.plain(depth, key, w.scalar(value))
}

// asBlock reports whether a text can stand line by line as it is.
func asBlock(text string) bool {
	return text != "" && !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "\n") && !strings.HasPrefix(text, "\t") && !strings.HasSuffix(text, "\n") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
}

func (w *writer) mapping(depth int, key string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.open(depth, key)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		w.plain(depth+1, w.scalar(name), w.scalar(m[name]))
	}
}

// lineWidth is how long a list on one line may be.
const lineWidth = 100

func (w *writer) list(depth int, key string, items []string) {
	if len(items) == 0 {
		return
	}
	written := make([]string, len(items))
	for i, item := range items {
		written[i] = w.scalar(item)
	}
	if line := strings.Join(written, ", "); len(line) <= lineWidth {
		w.plain(depth, key, "["+line+"]")
		return
	}
	w.open(depth, key)
	for _, item := range written {
		fmt.Fprintf(w, "%s- %s\n", strings.Repeat("  ", depth+1), item)
	}
}

// plainScalar is a text that is one without quotes, in a list on a line too.
var plainScalar = lazily(`^(/|--?[A-Za-z]|[A-Za-z])[A-Za-z0-9_./@+=-]*([ :][A-Za-z0-9_./@+=-]+)*$`)

// reserved are the words that some reader of YAML takes for something else than text.
var reserved = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

func (w *writer) scalar(s string) string {
	if !w.quoted && plainScalar().MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) && len(s) < 2*lineWidth {
		return s
	}
	return quote(s)
}

// quote writes a text in double quotes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
