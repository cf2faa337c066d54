package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/internal/usage"
)

func newBadgesCommand() *cobra.Command {
	return addServerFlags(newGroup("badges", "Show elsewhere how jobs are, at addresses that nobody can guess",
		newBadgesAddCommand(), newBadgesListCommand(), newBadgesRotateCommand(), newBadgesRemoveCommand()))
}

func newBadgesAddCommand() *cobra.Command {
	var in wire.BadgeInput
	cmd := &cobra.Command{
		Use:   "add [NAMESPACE/NAME]",
		Short: "Make a badge of a job, or of all jobs with a label, and print its address",
		Long: `Make a badge of a job, or of all jobs with a label, and print its address. Whoever has the address
sees whether it is up, late or down, and nothing else. The address of a badge that there is
already is printed again.`,
		Example: `  crontopus badges add production/nightly-backup
  crontopus badges add --label team=platform
  crontopus badges add --label tier=critical --namespace production`,
		Args: usage.MaxArgs("NAMESPACE/NAME"),
	}
	cmd.Flags().StringVarP(&in.Label, "label", "l", "", "of all jobs with this label, KEY=VALUE")
	cmd.Flags().StringVar(&in.Namespace, "namespace", "", "with --label, only of jobs in this namespace")
	output := addOutputFlag(cmd, formatText, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == (in.Label != "") || len(args) == 1 && in.Namespace != "" {
			return crontopus.Errorf(crontopus.CodeInvalid, "a badge is of one job or of one label").
				WithHint("write `crontopus badges add NAMESPACE/NAME` or `crontopus badges add --label KEY=VALUE`")
		}
		if len(args) == 1 {
			name, err := crontopus.ParseJobName(args[0])
			if err != nil {
				return err
			}
			in.Namespace, in.Name = name.Namespace, name.Name
		}
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		made, err := api.EnsureBadge(cmd.Context(), in)
		if len(args) == 1 && crontopus.ErrorCode(err) == crontopus.CodeNotFound {
			if _, absent := findJob(cmd.Context(), api, crontopus.JobName{Namespace: in.Namespace, Name: in.Name}); absent != nil {
				return absent // not a badge, as its hint would have it, but the job
			}
		}
		if err != nil {
			return err
		}
		return printBadge(newPrinter(cmd, output), made)
	}
	return cmd
}

// printBadge prints where a badge is shown.
func printBadge(p *printer, b wire.Badge) error {
	if p.format != formatText {
		return p.encode(b)
	}
	_, err := fmt.Fprintln(p.out, b.SVG)
	return err
}

func newBadgesListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the badges and their addresses", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		list, err := everyPage(cmd.Context(), api.Badges)
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(list, func(t *table) {
			t.columns("OF", "ADDRESS", "SINCE")
			for i := range list.Items {
				b := &list.Items[i]
				t.row(b.Of(), b.SVG, t.style.time(&b.CreatedAt))
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(list.Items), "No badges.")
	}
	return cmd
}

func newBadgesRotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Give a badge another address and print it",
		Long:  "Give a badge another address and print it. The one before shows nothing any more. ID is what stands before .svg in the address.",
		Args:  exactArgs("ID"),
	}
	output := addOutputFlag(cmd, formatText, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		made, err := api.RotateBadge(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return printBadge(newPrinter(cmd, output), made)
	}
	return cmd
}

func newBadgesRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "Remove a badge: its address shows nothing any more",
		Long:  "Remove a badge: its address shows nothing any more. ID is what stands before .svg in the address.",
		Args:  exactArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			if err := api.RemoveBadge(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Removed", args[0])
			return nil
		},
	}
}
