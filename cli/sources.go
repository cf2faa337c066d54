package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

func newSourcesCommand() *cobra.Command {
	return addServerFlags(newGroup("sources", "Connect Git repositories and see how they stand",
		newSourcesAddCommand(), newSourcesListCommand(), newSourcesGetCommand(), newSourcesSyncCommand(), newSourcesApproveCommand(), newSourcesLimitCommand(), newSourcesCredentialsCommand(),
		newSourcesPinCommand(), newSourcesUnpinCommand(), newSourcesRollbackCommand(),
		newSourcesSuspendCommand(), newSourcesResumeCommand(), newSourcesRemoveCommand()))
}

func newSourcesListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the sources and how they stand", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		sources, err := everyPage(cmd.Context(), api.Sources)
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(sources, func(t *table) {
			t.columns("SOURCE", "STATUS", "JOBS", "REVISION", "SYNCED", "URL")
			for _, s := range sources.Items {
				t.row(s.Name, sourceState(s), fmt.Sprint(s.Status.Jobs), shortRevision(s.Status.LastAppliedRevision), t.style.time(s.Status.LastSyncAt), s.URL)
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(sources.Items), "No sources. Connect a repository: crontopus sources add NAME --url URL")
	}
	return cmd
}

// sourceState is the reason of the condition that says whether all is well.
func sourceState(s crontopus.Source) string {
	if s.RemovedAt != nil {
		return "removed"
	}
	if s.Suspended {
		return crontopus.ReasonSuspended
	}
	for _, c := range s.Status.Conditions {
		if c.Type == crontopus.ConditionReady {
			return c.Reason
		}
	}
	return crontopus.ReasonProgressing
}

// sourceView is a source with its last sync, which says why it stands as it does.
type sourceView struct {
	crontopus.Source
	LastSync *crontopus.Sync `json:"lastSync,omitempty"`
}

func newSourcesGetCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "get NAME", Short: "Show one source and what its last sync found", Args: exactArgs("NAME")}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		source, err := api.Source(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		last, err := newestSync(cmd.Context(), api, args[0])
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(sourceView{source, last}, func(t *table) {
			told := describeSource(t, source)
			if last != nil {
				describeSync(t, *last, told)
			}
			if source.Status.HeldPlan != "" {
				t.row("To approve:", approveCommand(source.Name, source.Status.HeldPlan))
			}
		})
	}
	return cmd
}

// describeSource returns the message that it has told, so that the last sync need not
// tell it again.
func describeSource(t *table, s crontopus.Source) (told string) {
	t.row("Source:", s.Name)
	t.row("URL:", s.URL)
	t.row("Branch:", s.Branch)
	if s.Path != "" {
		t.row("Path:", s.Path)
	}
	t.row("Polled every:", s.Interval.String())
	describeLimits(t, s.Limits)
	if s.Pinned != "" {
		t.row("Pinned to:", s.Pinned)
	}
	t.row("Status:", sourceState(s))
	for _, c := range s.Status.Conditions {
		if c.Status == (c.Type == crontopus.ConditionReady) {
			continue // all is well
		}
		if c.Message == told {
			t.row(c.Type+":", fmt.Sprint(c.Status))
			continue
		}
		t.row(c.Type+":", fmt.Sprintf("%t, %s", c.Status, c.Message))
		told = c.Message
	}
	t.row("In force:", orDash(s.Status.LastAppliedRevision))
	t.row("Jobs:", fmt.Sprint(s.Status.Jobs))
	t.row("Next attempt:", t.style.time(s.Status.NextAttemptAt))
	return told
}

func describeSync(t *table, s crontopus.Sync, told string) {
	outcome := s.Reason
	if s.Message != told {
		outcome += ": " + s.Message
	}
	t.row("Last sync:", t.style.time(&s.Started)+", "+outcome)
	t.row("Revision:", orDash(s.Revision))
	if s.Revision != "" {
		t.row("Changed:", jobsChanged(&s))
	}
	for _, p := range s.Problems {
		t.row("Problem:", p.String())
		if p.Hint != "" {
			t.row("", "hint: "+p.Hint)
		}
	}
	if s.Plan != nil {
		for _, entry := range s.Plan.Removed {
			t.row("Would remove:", entry)
		}
	}
}

// jobsChanged counts against the sync before: that of sources add, for who asks for one right after.
func jobsChanged(s *crontopus.Sync) string {
	if s.Applied() && s.Added+s.Changed+s.Removed == 0 {
		return "no job since the sync before"
	}
	return fmt.Sprintf("%d jobs added, %d changed, %d removed", s.Added, s.Changed, s.Removed)
}

func approveCommand(name, plan string) string {
	return fmt.Sprintf("crontopus sources approve %s --plan %s", name, plan)
}

// newestSync returns a source's last sync, nil before the first.
func newestSync(ctx context.Context, api *client.Client, source string) (*crontopus.Sync, error) {
	syncs, err := api.Syncs(ctx, source, crontopus.Page{Limit: 1})
	if err != nil || len(syncs.Items) == 0 {
		return nil, err
	}
	return &syncs.Items[0], nil
}

func newSourcesApproveCommand() *cobra.Command {
	var plan string
	cmd := &cobra.Command{
		Use:   "approve NAME --plan HEX",
		Short: "Let a held removal through: exactly the plan that you saw",
		Long: `Let a held removal through. crontopus sources get NAME shows which entries would go and
the digest of that plan. Another commit with the same effect has the same plan; a commit
with another effect is held again.`,
		Args: exactArgs("NAME"),
	}
	cmd.Flags().StringVar(&plan, "plan", "", "digest of the plan, as sources get shows it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if plan == "" {
			return crontopus.Errorf(crontopus.CodeInvalid, "--plan is missing").
				WithHint("crontopus sources get %s shows what would be removed, and the plan's digest", args[0])
		}
		return sourceAction(cmd, args[0], "Approved; syncing "+args[0], func(api *client.Client) error {
			return api.ApproveSource(cmd.Context(), args[0], plan)
		})
	}
	return cmd
}

func newSourcesSuspendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "suspend NAME",
		Short: "Stop syncing a source; its jobs stay as they are",
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sourceAction(cmd, args[0], "Suspended "+args[0], func(api *client.Client) error {
				return api.SuspendSource(cmd.Context(), args[0])
			})
		},
	}
}

func newSourcesResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resume NAME",
		Short: "Sync a suspended source again",
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sourceAction(cmd, args[0], "Resumed "+args[0], func(api *client.Client) error {
				return api.ResumeSource(cmd.Context(), args[0])
			})
		},
	}
}

func newSourcesRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Disconnect a repository and take its jobs off all hosts",
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sourceAction(cmd, args[0], "Removing "+args[0]+"; its jobs are being taken off their hosts", func(api *client.Client) error {
				return api.RemoveSource(cmd.Context(), args[0])
			})
		},
	}
}

func noSourceName(name string) error {
	return crontopus.Errorf(crontopus.CodeInvalid, "%q is not the name of a source", name).WithHint("crontopus sources list shows them")
}

// sourceAction does one thing to a source and says that it is done.
func sourceAction(cmd *cobra.Command, name, done string, action func(*client.Client) error) error {
	if !crontopus.ValidName(name) {
		return noSourceName(name)
	}
	api, err := connect(cmd)
	if err != nil {
		return err
	}
	if err := action(api); err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), done)
	return nil
}
