package cli

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func newAgentsCommand() *cobra.Command {
	return addServerFlags(newGroup("agents", "Enroll hosts and see how they are",
		newAgentsEnrollCommand(), newAgentsListCommand(), newAgentsGetCommand(), newAgentsRevokeCommand()))
}

func newAgentsEnrollCommand() *cobra.Command {
	var in wire.TokenInput
	var pairs []string
	var expires string
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "Make an enrolment token and print the commands for the host",
		Long: `Make an enrolment token and print the commands for the host. What the host gets, its
labels and its name, is decided here: a host cannot choose. The token is shown once.`,
		Example: `  crontopus agents enroll --name db-01 --label role=db
  crontopus agents enroll --label role=web --name-pattern 'web-*' --uses 20 --expires 30d`,
		Args: exactArgs(),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&pairs, "label", nil, "`KEY=VALUE` that targets match; may be repeated")
	flags.StringVar(&in.Name, "name", "", "the agent's name, for a token with one use; target.agents may match it")
	flags.StringVar(&in.NamePattern, "name-pattern", "", "`pattern` such as web-* that a name which the host proposes must match")
	flags.BoolVar(&in.MatchFacts, "match-facts", false, "let targets match what the host says of itself (fact/os, fact/hostname, …)")
	flags.IntVar(&in.Uses, "uses", 1, "how many hosts may enroll with it")
	flags.StringVar(&expires, "expires", "1h", "how long it may be used, such as 1h or 30d")
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if in.Labels, err = parseLabels("label", pairs); err != nil {
			return err
		}
		if in.Expires, err = crontopus.ParseDuration(expires); err != nil {
			return crontopus.Errorf(crontopus.CodeInvalid, "--expires: %w", err)
		}
		if in.Expires <= 0 || in.Uses < 1 {
			return crontopus.Errorf(crontopus.CodeInvalid, "a token that nobody could use").
				WithHint("write --uses 1 or more, and --expires 1h or any time above zero")
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		made, err := api.CreateEnrollmentToken(cmd.Context(), in)
		if err != nil {
			return err
		}
		p := newPrinter(cmd, output)
		if p.format != formatTable {
			return p.encode(made)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "On the host, within %s:\n\n", in.Expires)
		for _, line := range made.Commands { // as they are: a copy must work
			if _, err := fmt.Fprintln(p.out, line); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func newAgentsListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the agents and how they are", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		agents, err := everyPage(cmd.Context(), api.Agents)
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(agents, func(t *table) {
			t.columns("AGENT", "STATE", "SEEN", "SCHEDULER", "APPLIED", "PUBLISHED", "LABELS")
			for _, a := range agents.Items {
				s := a.Status
				t.row(a.Name, agentState(a, t.style.now), t.style.time(lastSeen(a)), orDash(s.Report.Scheduler),
					generation(s.Report.Applied), generation(s.Desired), labels(a.Labels))
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(agents.Items), "No agents. Enroll a host: crontopus agents enroll --name NAME --label KEY=VALUE")
	}
	return cmd
}

func newAgentsGetCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "get NAME", Short: "Show one agent: what it holds, refused, was denied and repaired", Args: exactArgs("NAME")}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		agent, err := api.Agent(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(agent, func(t *table) { describeAgent(t, agent) })
	}
	return cmd
}

func describeAgent(t *table, a crontopus.Agent) {
	s, r := a.Status, a.Status.Report
	t.row("Agent:", a.Name)
	t.row("ID:", a.ID)
	t.row("State:", agentState(a, t.style.now))
	t.row("Seen:", t.style.time(lastSeen(a)))
	if cloned := r.Instance.ClonedAt; cloned != nil {
		t.row("Cloned:", "two hosts use this identity, last seen so "+t.style.time(cloned)+"; enroll one of them anew")
	}
	t.row("Enrolled:", t.style.time(&a.EnrolledAt))
	t.row("Labels:", labels(a.Labels))
	for _, fact := range slices.Sorted(maps.Keys(a.Facts)) {
		t.row("Fact:", fact+"="+a.Facts[fact])
	}
	t.row("Version:", orDash(r.Version))
	t.row("Scheduler:", orDash(r.Scheduler))
	t.row("Timezone:", orDash(r.Timezone))
	t.row("Clock:", clock(r))
	t.row("Generation:", generation(r.Applied)+" applied, "+generation(s.Desired)+" published")
	t.row("Delivered up to:", t.style.time(s.SpoolDrained))
	if r.Host != nil {
		describeHealth(t, r.Host)
	}
	if r.Error != "" {
		t.row("Error:", r.Error)
	}
	if r.Refused != nil {
		t.row("Refused:", fmt.Sprintf("bundle %s: %s (%s)", r.Refused.Generation, r.Refused.Message, r.Refused.Code))
	}
	for _, d := range r.Denied {
		t.row("Denied:", d.Job.String()+": "+d.Reason)
	}
	for _, d := range r.Drift {
		t.row("Repaired:", fmt.Sprintf("%s %s %s %s", t.style.time(&d.At), d.Entry, d.Kind, d.Detail))
	}
}

func describeHealth(t *table, h *crontopus.HostHealth) {
	if h.SchedulerDead != "" {
		t.row("Nothing runs:", h.SchedulerDead)
	}
	if h.DiskFull != "" {
		t.row("No room:", "left in "+h.DiskFull)
	}
	if lost := h.CheckInsLost; lost != nil {
		t.row("Lost:", fmt.Sprintf("check-ins could not be kept on the host, from %s to %s: %s", t.style.time(&lost.Since), t.style.time(&lost.Until), lost.Why))
	}
}

func newAgentsRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "Take an agent's identity away: it gets no more bundles and may not check in",
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			agent, err := api.RevokeAgent(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Revoked %s. Its host keeps the jobs it has until this is run there: crontopus-agent uninstall\n", agent.Name)
			return nil
		},
	}
}

// lastSeen is when an agent was last heard of. The first report comes before the first
// heartbeat.
func lastSeen(a crontopus.Agent) *time.Time {
	if at := a.Status.Report.At; a.Status.LastSeenAt == nil && !at.IsZero() {
		return &at
	}
	return a.Status.LastSeenAt
}

// offlineAfter is how long an agent may be silent: it polls at least once a minute.
const offlineAfter = 3 * time.Minute

func agentState(a crontopus.Agent, now time.Time) string {
	seen := lastSeen(a)
	switch {
	case a.RevokedAt != nil:
		return "revoked"
	case seen == nil:
		return "never seen"
	case now.Sub(*seen) > offlineAfter:
		return "offline"
	case a.Status.Report.Paused:
		return "paused"
	}
	return "online"
}

// clockNoise is what a report's way to the server may take: less says nothing of clocks.
const clockNoise = 5 * time.Second

// clock says how the host's clock stood to the server's at the last report.
func clock(r crontopus.AgentReport) string {
	skew := r.ClockSkew().Truncate(time.Second)
	switch {
	case r.ReceivedAt.IsZero():
		return "-"
	case skew > clockNoise:
		return crontopus.Duration(skew).String() + " ahead of the server's; set it by NTP"
	case skew < -clockNoise:
		return crontopus.Duration(-skew).String() + " behind the server's; set it by NTP"
	}
	return "as the server's"
}

func generation(g crontopus.Generation) string {
	if g == (crontopus.Generation{}) {
		return "-"
	}
	return g.String()
}
