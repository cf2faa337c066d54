package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newSilencesCommand() *cobra.Command {
	return addServerFlags(newGroup("silences", "Have nobody told of certain conditions for a while",
		newSilencesAddCommand(), newSilencesListCommand(), newSilencesEndCommand()))
}

func newSilencesAddCommand() *cobra.Command {
	var matches []string
	var lasts, reason string
	cmd := &cobra.Command{
		Use:   "add --match WHAT --for DURATION",
		Short: "Add a silence",
		Long: `Add a silence. Incidents are opened as ever, and nobody is told of those that match; what still
holds when the silence ends is told then. A match is one of

  all                everything
  namespace=NAME     jobs of a namespace
  job=NAME           jobs of this name, or NAMESPACE/NAME
  agent=NAME         a host, and the jobs on it
  source=NAME        a repository
  label:KEY=VALUE    jobs and hosts with a label

Several of the same word are alternatives; different words must all hold.`,
		Example: `  crontopus silences add --match namespace=production --for 2h --reason "database move"
  crontopus silences add --match agent=db-01 --match label:team=platform --for 1d`,
		Args: exactArgs(),
	}
	cmd.Flags().StringArrayVar(&matches, "match", nil, "what is meant; may be repeated")
	cmd.Flags().StringVar(&lasts, "for", "", "how long, such as 2h or 1d")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for whoever wonders")
	output := addOutputFlag(cmd, formatText, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		match, err := parseMatch(matches)
		if err != nil {
			return err
		}
		d, err := quietFor(lasts)
		if err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		made, err := api.CreateSilence(cmd.Context(), wire.SilenceInput{Match: match, For: d, Reason: reason})
		if err != nil {
			return err
		}
		warnOfAbsent(cmd, api, &match)
		p := newPrinter(cmd, output)
		if p.format != formatText {
			return p.encode(made)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Silenced %s until %s. To end it: crontopus silences end %s\n", matchFlags(&made.Match), p.style.time(&made.Until), made.ID)
		_, err = fmt.Fprintln(p.out, made.ID)
		return err
	}
	return cmd
}

// parseMatch reads matches as the flag gives them.
func parseMatch(words []string) (m crontopus.Match, err error) {
	var pairs []string
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		label, isLabel := strings.CutPrefix(key, "label:")
		switch {
		case word == "all":
			m.All = true
		case value == "":
			return m, badMatch(word)
		case isLabel:
			pairs = append(pairs, label+"="+value)
		case key == "namespace":
			m.Namespaces = append(m.Namespaces, value)
		case key == "job":
			namespace, name, both := strings.Cut(value, "/")
			switch {
			case !both:
				name = value
			case !slices.Contains(m.Namespaces, namespace):
				m.Namespaces = append(m.Namespaces, namespace)
			}
			m.Jobs = append(m.Jobs, name)
		case key == "agent":
			m.Agents = append(m.Agents, value)
		case key == "source":
			m.Sources = append(m.Sources, value)
		default:
			return m, badMatch(word)
		}
	}
	if len(pairs) > 0 {
		if m.Labels, err = parseLabels("match label:", pairs); err != nil {
			return m, err
		}
	}
	if m.Empty() {
		return m, crontopus.Errorf(crontopus.CodeInvalid, "what is to be silenced is not said").
			WithHint("add --match, such as --match agent=db-01; --match all means everything")
	}
	if m.All && len(words) > 1 {
		return m, crontopus.Errorf(crontopus.CodeInvalid, "--match all means everything, and the other matches less").
			WithHint("leave one of them out")
	}
	return m, nil
}

func badMatch(word string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "--match %q is not known", word).
		WithHint("write all, namespace=NAME, job=NAME, agent=NAME, source=NAME or label:KEY=VALUE")
}

// matchFlags writes a match as --match takes it.
func matchFlags(m *crontopus.Match) string {
	if m.All {
		return "all"
	}
	var words []string
	for _, of := range []struct {
		key    string
		values []string
	}{{"namespace", m.Namespaces}, {"job", m.Jobs}, {"agent", m.Agents}, {"source", m.Sources}} {
		for _, v := range of.values {
			words = append(words, of.key+"="+v)
		}
	}
	if len(m.Labels) > 0 {
		words = append(words, "label:"+strings.ReplaceAll(labels(m.Labels), ",", " label:"))
	}
	return strings.Join(words, " ")
}

func newSilencesListCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "list", Short: "List the silences in force", Args: exactArgs()}
	cmd.Flags().BoolVar(&all, "all", false, "also those that have ended, the newest first")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		var list wire.List[crontopus.Silence]
		if all {
			list, err = everyPage(cmd.Context(), api.Silences)
		} else {
			list, err = api.SilencesInForce(cmd.Context())
		}
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(list, func(t *table) { silenceRows(t, list.Items) }); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(list.Items), "No silences.")
	}
	return cmd
}

func silenceRows(t *table, list []crontopus.Silence) {
	t.columns("ID", "MATCH", "UNTIL", "BY", "REASON")
	for i := range list {
		s := &list[i]
		until := t.style.time(&s.Until)
		if s.EndedAt != nil {
			until = "ended " + t.style.time(s.EndedAt)
		}
		t.row(s.ID, matchFlags(&s.Match), until, s.CreatedBy, orDash(s.Reason))
	}
}

func newSilencesEndCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "end ID",
		Short: "End a silence before its time",
		Args:  exactArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			if _, err := api.EndSilence(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Ended", args[0])
			return nil
		},
	}
}
