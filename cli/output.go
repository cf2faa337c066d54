package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
)

// Forms in which a command's data is written.
const (
	formatTable = "table"
	formatText  = "text"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

// formatFlag is the value of -o. It refuses a form that the command does not have.
type formatFlag struct {
	value   string
	allowed []string
}

// addOutputFlag gives a command -o with the forms that it has, the default first.
func addOutputFlag(cmd *cobra.Command, allowed ...string) *formatFlag {
	f := &formatFlag{value: allowed[0], allowed: allowed}
	cmd.Flags().VarP(f, "output", "o", "form of the data: "+strings.Join(allowed, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
	return f
}

// String returns the form; pflag shows it as the default.
func (f *formatFlag) String() string { return f.value }

// Type is what the help calls the value.
func (f *formatFlag) Type() string { return "form" }

// Set takes the form from the command line.
func (f *formatFlag) Set(s string) error {
	if !slices.Contains(f.allowed, s) {
		err := fmt.Errorf("write one of %s", strings.Join(f.allowed, ", "))
		if near := suggest.Nearest(s, f.allowed); near != "" {
			err = fmt.Errorf("%w; did you mean %s?", err, near)
		}
		return err
	}
	f.value = s
	return nil
}

// printer writes a command's data: for a person as a table, for a program as JSON or
// YAML.
type printer struct {
	out    io.Writer
	format string
	style  style
}

func newPrinter(cmd *cobra.Command, format *formatFlag) *printer {
	return &printer{out: cmd.OutOrStdout(), format: format.value, style: styleOf(cmd.OutOrStdout())}
}

// print writes value as JSON or YAML, or the table that fill makes of it.
func (p *printer) print(value any, fill func(*table)) error {
	switch p.format {
	case formatJSON, formatYAML:
		return p.encode(value)
	}
	t := &table{style: p.style}
	fill(t)
	return t.write(p.out)
}

// encode writes value as JSON or YAML.
func (p *printer) encode(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if p.format == formatYAML {
		// By way of JSON, so that both forms have the same names and spellings.
		if data, err = yaml.JSONToYAML(data); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(p.out, strings.TrimRight(string(data), "\n"))
	return err
}

// style is how a table looks: for eyes on a terminal, for tools elsewhere.
type style struct {
	terminal bool // control characters from hosts must not reach it
	color    bool
	now      time.Time // times are told relative to it on a terminal
}

func styleOf(w io.Writer) style {
	f, isFile := w.(*os.File)
	terminal := isFile && isatty.IsTerminal(f.Fd())
	return style{terminal: terminal, color: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", now: time.Now()}
}

// time tells an instant: relative on a terminal, RFC 3339 for tools, "-" for none.
func (s style) time(t *time.Time) string {
	switch {
	case t == nil || t.IsZero():
		return "-"
	case !s.terminal:
		return t.Format(time.RFC3339)
	}
	return relative(t.Sub(s.now))
}

// relative says how far away an instant is, in its largest unit.
func relative(d time.Duration) string {
	ahead := d > 0
	if !ahead {
		d = -d
	}
	var span string
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		span = fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		span = fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		span = fmt.Sprintf("%dh", d/time.Hour)
	default:
		span = fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	if ahead {
		return "in " + span
	}
	return span + " ago"
}

// labels writes labels as k=v,k=v, sorted.
func labels(m map[string]string) string {
	pairs := make([]string, 0, len(m))
	for k, v := range m {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	return orDash(strings.Join(pairs, ","))
}

// parseLabels reads k=v as a flag gives them.
func parseLabels(flag string, pairs []string) (map[string]string, error) {
	m := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "%q is not a label", pair).WithHint("write --%[1]s KEY=VALUE, such as --%[1]s role=db", flag)
		}
		if _, twice := m[key]; twice {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "the label %q is given twice", key).WithHint("a key has one value; leave one of them out")
		}
		m[key] = value
	}
	return m, nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
