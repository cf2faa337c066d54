package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newStatusCommand() *cobra.Command {
	var exitCode bool
	cmd := addServerFlags(&cobra.Command{
		Use:   "status",
		Short: "Show on one screen what is wrong now",
		Long: `Show on one screen what is wrong now: open incidents, each with its sentence; sources whose newest
revision is not in force; channels that no message reaches; agents that are offline; runs that failed within
the last hour; and who is silenced.`,
		Example: "  crontopus status --exit-code || echo look",
		Args:    exactArgs(),
	})
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 if an incident is open, a source is not in force or a channel reaches nobody")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		st, err := api.Status(cmd.Context())
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if p.format == formatTable {
			err = printStatus(p, st)
		} else {
			err = p.encode(st)
		}
		if err == nil && exitCode && len(st.Open)+len(st.Sources)+len(st.Mute) > 0 {
			err = errProblems
		}
		return err
	}
	return cmd
}

// printStatus shows the worst first.
func printStatus(p *printer, st wire.Status) error {
	if len(st.Open)+len(st.Sources)+len(st.Mute) == 0 {
		if _, err := io.WriteString(p.out, "Nothing is wrong.\n"); err != nil {
			return err
		}
	}
	total := 0
	for _, n := range st.Counts.Incidents {
		total += n
	}
	for _, part := range []struct {
		show bool
		fill func(*table)
	}{
		{len(st.Open) > 0, func(t *table) { incidentRows(t, st.Open) }},
		{total > len(st.Open), func(t *table) { t.row(fmt.Sprintf("and %d more: crontopus incidents list", total-len(st.Open))) }},
		{len(st.Sources) > 0, func(t *table) { sourceTroubles(t, st.Sources) }},
		{len(st.Mute) > 0, func(t *table) { muteChannels(t, st.Mute) }},
		{len(st.Silences) > 0, func(t *table) { silenceRows(t, st.Silences) }},
		{true, func(t *table) { counts(t, &st.Counts) }},
	} {
		if !part.show {
			continue
		}
		if err := p.print(st, part.fill); err != nil {
			return err
		}
		if _, err := io.WriteString(p.out, "\n"); err != nil {
			return err
		}
	}
	return nil
}

func sourceTroubles(t *table, list []wire.SourceTrouble) {
	t.columns("SOURCE", "REASON", "SINCE", "MESSAGE")
	for _, s := range list {
		t.row(s.Name, s.Reason, t.style.time(&s.Since), s.Message)
	}
}

func muteChannels(t *table, list []crontopus.MuteChannel) {
	t.columns("CHANNEL", "REACHES NOBODY UNTIL")
	for _, m := range list {
		for _, name := range m.Missing {
			t.row(m.Channel.String(), "crontopus secrets set "+name)
		}
	}
}

// counts says how much there is of what.
func counts(t *table, c *crontopus.Counts) {
	for _, k := range crontopus.AlertKinds {
		if n := c.Incidents[k]; n > 0 {
			t.row("Incidents, "+string(k)+":", fmt.Sprint(n))
		}
	}
	t.row("Agents:", fmt.Sprintf("%d online, %d offline, %d never seen", c.Agents.Online, c.Agents.Offline, c.Agents.NeverSeen))
	t.row("Failed runs, last hour:", fmt.Sprint(c.FailedRuns))
}
