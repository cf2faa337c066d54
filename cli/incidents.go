package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

func newIncidentsCommand() *cobra.Command {
	return addServerFlags(newGroup("incidents", "See what is wrong and why, and say that you have it",
		newIncidentsListCommand(), newIncidentsGetCommand(), newIncidentsAckCommand(), newIncidentsSnoozeCommand(),
		newIncidentsCommentCommand(), newIncidentsResolveCommand()))
}

// incidentsQuery is what the flags of incidents list say.
type incidentsQuery struct {
	job, state, kind, since string
	filter                  crontopus.IncidentFilter
	page                    crontopus.Page
}

const anyState = "all"

func newIncidentsListCommand() *cobra.Command {
	var q incidentsQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List incidents, newest first: those that are open, unless you say otherwise",
		Example: `  crontopus incidents list
  crontopus incidents list --state all --job production/nightly-backup --since 7d`,
		Args: exactArgs(),
	}
	states := []string{string(crontopus.IncidentOpen), string(crontopus.IncidentAcknowledged), string(crontopus.IncidentResolved), anyState}
	flags := cmd.Flags()
	flags.StringVar(&q.state, "state", string(crontopus.IncidentOpen), "only in this state: "+strings.Join(states, ", ")+"; open are all that have not ended")
	flags.StringVar(&q.kind, "kind", "", "only of this kind: "+strings.Join(alertKinds(), ", "))
	flags.StringVar(&q.job, "job", "", "only of this job, NAMESPACE/NAME")
	flags.StringVar(&q.filter.Namespace, "namespace", "", "only of this namespace's jobs")
	flags.StringVar(&q.filter.Agent, "agent", "", "only on or of this agent")
	flags.StringVar(&q.since, "since", "", "only opened since: a duration such as 24h, or a time in RFC 3339")
	flags.StringVar(&q.page.After, "after", "", "go on after this cursor, which the list before printed")
	flags.IntVar(&q.page.Limit, "limit", 50, fmt.Sprintf("how many, at most %d", crontopus.MaxPageLimit))
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.Replace(name, "status", "state", 1)) // what people type
	})
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp))      // fail only for
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(alertKinds(), cobra.ShellCompDirectiveNoFileComp)) // flags that do not exist
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := q.parse(states, time.Now()); err != nil {
			return err
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		list, err := api.Incidents(cmd.Context(), q.filter, q.page)
		if err == nil && len(list.Items) == 0 {
			err = emptyFor(cmd.Context(), api, q.filter.Job, q.filter.Agent)
		}
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(list, func(t *table) { incidentRows(t, list.Items) }); err != nil {
			return err
		}
		if list.Next != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "There are more: add --after %s\n", list.Next)
		}
		return sayIfEmpty(cmd, len(list.Items), "No incidents.")
	}
	return cmd
}

func alertKinds() []string {
	names := make([]string, len(crontopus.AlertKinds))
	for i, k := range crontopus.AlertKinds {
		names[i] = string(k)
	}
	return names
}

// parse turns words into what the API takes.
func (q *incidentsQuery) parse(states []string, now time.Time) (err error) {
	if q.job != "" {
		name, err := crontopus.ParseJobName(q.job)
		if err != nil {
			return err
		}
		q.filter.Job = &name
	}
	if q.page.Limit < 1 || q.page.Limit > crontopus.MaxPageLimit {
		return crontopus.Errorf(crontopus.CodeInvalid, "--limit %d is not a number of incidents", q.page.Limit).
			WithHint("write a number from 1 to %d", crontopus.MaxPageLimit)
	}
	if q.state, err = oneOf("state", q.state, states); err != nil {
		return err
	}
	if q.state != anyState {
		q.filter.State = crontopus.IncidentState(q.state)
	}
	if q.kind != "" {
		if q.kind, err = oneOf("kind", q.kind, alertKinds()); err != nil {
			return err
		}
		q.filter.Kind = crontopus.AlertKind(q.kind)
	}
	q.filter.Since, err = timeFlag("since", q.since, now)
	return err
}

// oneOf takes a word in any case.
func oneOf(flag, said string, words []string) (string, error) {
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, said) })
	if i < 0 {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "--%s %q is not known", flag, said).WithHint("write one of %s", strings.Join(words, ", "))
	}
	return words[i], nil
}

// incidentRows shows incidents, each with its sentence.
func incidentRows(t *table, list []crontopus.Incident) {
	t.columns("ID", "KIND", "STATE", "SINCE", "WHY")
	for i := range list {
		t.row(list[i].ID, string(list[i].Kind), incidentState(t, &list[i]), t.style.time(&list[i].OpenedAt), sentence(&list[i]))
	}
}

// incidentState is where an incident stands, and why nobody may be told of it.
func incidentState(t *table, in *crontopus.Incident) string {
	switch {
	case !in.Open():
	case in.SnoozedUntil != nil && in.SnoozedUntil.After(t.style.now):
		return "snoozed"
	case in.SuppressedBy != "":
		return "suppressed"
	case in.Flapping && in.State == crontopus.IncidentOpen:
		return "flapping"
	}
	return string(in.State)
}

// sentence says why, and what else it took with it.
func sentence(in *crontopus.Incident) string {
	s := cmp.Or(in.Cause.Sentence, in.Cause.Code)
	if in.Kind == crontopus.AlertAgentOffline && in.MissedCount > 0 {
		s += fmt.Sprintf(" (%d missed)", in.MissedCount)
	}
	return s
}

func newIncidentsGetCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "get ID", Short: "Show one incident: why, with the evidence, and what was done", Args: exactArgs("ID")}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		in, err := api.Incident(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(in, func(t *table) {
			describeIncident(t, in)
			if len(in.Notifications) > 0 {
				describeTold(t, in.Notifications)
				return
			}
			nobody := "nobody"
			if why := whyNobodyTold(cmd.Context(), api, &in.Incident, t.style.now); why != "" {
				nobody += " (" + why + ")"
			}
			t.row("Told:", nobody)
		})
	}
	return cmd
}

func describeIncident(t *table, in wire.IncidentStory) {
	t.row("Incident:", in.ID)
	t.row("Why:", sentence(&in.Incident))
	t.row("Kind:", string(in.Kind))
	t.row("State:", incidentState(t, &in.Incident))
	t.row("Severity:", string(in.Severity))
	if in.Subject.Job.Name != "" {
		t.row("Job:", in.Subject.Job.String())
	}
	if in.Subject.Agent != "" {
		t.row("Agent:", in.Subject.Agent)
	}
	if in.Subject.Source != "" {
		t.row("Source:", in.Subject.Source)
	}
	t.row("Opened:", t.style.time(&in.OpenedAt))
	if in.AcknowledgedBy != "" {
		t.row("Acknowledged:", t.style.time(in.AcknowledgedAt)+" by "+in.AcknowledgedBy)
	}
	if in.SnoozedUntil != nil && in.Open() {
		t.row("Snoozed until:", t.style.time(in.SnoozedUntil))
	}
	if in.SuppressedBy != "" {
		t.row("Suppressed by:", in.SuppressedBy)
	}
	if !in.Open() {
		t.row("Resolved:", t.style.time(in.ResolvedAt)+" "+string(in.Resolution))
		t.row("", in.ResolvedWhy)
	}
	describeEvidence(t, &in.Incident)
	for i, e := range in.Events {
		t.row(head(i, "Story:"), strings.TrimSpace(t.style.time(&e.At)+" "+e.What+by(e.Actor)+" "+e.Text))
	}
}

// describeTold says who was told, and what each channel answered at last.
func describeTold(t *table, told []crontopus.Notification) {
	for i, n := range told {
		t.row(head(i, "Told:"), fmt.Sprintf("%s %s to %s: %s", t.style.time(&n.At), n.What, n.Channel, n.State))
		if tried := len(n.Attempts); tried > 0 {
			last := n.Attempts[tried-1]
			t.row("", strings.TrimSpace(fmt.Sprintf("attempt %d, %s: %s", tried, t.style.time(&last.At), last.Answer)))
		}
	}
}

func describeEvidence(t *table, in *crontopus.Incident) {
	for i, e := range in.Cause.Evidence {
		line := e.What + ": " + e.Says
		if e.At != nil {
			line += " (" + t.style.time(e.At) + ")"
		}
		if e.Link != "" {
			line += " " + e.Link
		}
		t.row(head(i, "Evidence:"), line)
	}
	for i, m := range in.Missed {
		due := m.Due
		t.row(head(i, "Missed:"), t.style.time(&due)+" "+m.Job.String()+" "+m.Agent)
	}
	if more := in.MissedCount - len(in.Missed); more > 0 && len(in.Missed) > 0 {
		t.row("", fmt.Sprintf("and %d more", more))
	}
}

// head names a group of rows in its first.
func head(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

func by(actor string) string {
	if actor == "" {
		return ""
	}
	return " by " + actor
}

// incidentAction is a command that changes one incident and says what came of it.
func incidentAction(cmd *cobra.Command, done string, act func(ctx context.Context, api *client.Client, id string) (crontopus.Incident, error)) *cobra.Command {
	output := addOutputFlag(cmd, formatText, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		in, err := act(cmd.Context(), api, args[0])
		if err != nil {
			return err
		}
		if p := newPrinter(cmd, output); p.format != formatText {
			return p.encode(in)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s %s: %s\n", done, in.ID, in.Cause.Sentence)
		return nil
	}
	return cmd
}

func newIncidentsAckCommand() *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:     "ack ID",
		Aliases: []string{"acknowledge"},
		Short:   "Say that you have it: reminders and escalation end",
		Example: `  crontopus incidents ack 0193f0c2-7d4e-7a51-8c1f-2b3c4d5e6f70 -m "looking at the disk"`,
		Args:    exactArgs("ID"),
	}
	cmd.Flags().StringVarP(&text, "message", "m", "", "what others should know")
	return incidentAction(cmd, "Acknowledged", func(ctx context.Context, api *client.Client, id string) (crontopus.Incident, error) {
		return api.AcknowledgeIncident(ctx, id, text)
	})
}

func newIncidentsSnoozeCommand() *cobra.Command {
	var text, lasts string
	cmd := &cobra.Command{
		Use:     "snooze ID --for DURATION",
		Short:   "Have nobody told of it for a while",
		Example: "  crontopus incidents snooze 0193f0c2-7d4e-7a51-8c1f-2b3c4d5e6f70 --for 2h",
		Args:    exactArgs("ID"),
	}
	cmd.Flags().StringVar(&lasts, "for", "", "how long, such as 2h or 1d")
	cmd.Flags().StringVarP(&text, "message", "m", "", "what others should know")
	return incidentAction(cmd, "Snoozed", func(ctx context.Context, api *client.Client, id string) (crontopus.Incident, error) {
		d, err := quietFor(lasts)
		if err != nil {
			return crontopus.Incident{}, err
		}
		return api.SnoozeIncident(ctx, id, wire.Snooze{For: d, Text: text})
	})
}

// quietFor reads how long nobody is to be told.
func quietFor(said string) (crontopus.Duration, error) {
	if said == "" {
		return 0, crontopus.Errorf(crontopus.CodeInvalid, "how long is not said").WithHint("add --for with a duration, such as --for 2h")
	}
	return crontopus.ParseDuration(said)
}

func newIncidentsCommentCommand() *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:     "comment ID -m TEXT",
		Short:   "Add a line to its story",
		Example: `  crontopus incidents comment 0193f0c2-7d4e-7a51-8c1f-2b3c4d5e6f70 -m "the vendor is on it"`,
		Args:    exactArgs("ID"),
	}
	cmd.Flags().StringVarP(&text, "message", "m", "", "the line")
	return incidentAction(cmd, "Commented on", func(ctx context.Context, api *client.Client, id string) (crontopus.Incident, error) {
		return api.CommentIncident(ctx, id, text)
	})
}

func newIncidentsResolveCommand() *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "resolve ID",
		Short: "End it by hand",
		Long: `End it by hand. What went wrong until now opens no other incident; what goes wrong from now on does.
A host that is not heard of cannot be resolved: acknowledge or snooze its incident, or revoke the agent.`,
		Example: `  crontopus incidents resolve 0193f0c2-7d4e-7a51-8c1f-2b3c4d5e6f70 -m "ran it by hand"`,
		Args:    exactArgs("ID"),
	}
	cmd.Flags().StringVarP(&text, "message", "m", "", "why")
	return incidentAction(cmd, "Resolved", func(ctx context.Context, api *client.Client, id string) (crontopus.Incident, error) {
		return api.ResolveIncident(ctx, id, text)
	})
}
