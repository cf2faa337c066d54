package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
)

func newChannelsCommand() *cobra.Command {
	return addServerFlags(newGroup("channels", "Show where notifications go, and try it",
		newChannelsListCommand(), newChannelsTestCommand()))
}

func newChannelsListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the channels of the repositories", Args: exactArgs()}
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		list, err := api.Channels(cmd.Context())
		if err != nil {
			return err
		}
		if err := newPrinter(cmd, output).print(list, func(t *table) {
			t.columns("NAMESPACE", "NAME", "TYPE", "MAX/HOUR", "TOLD OF")
			for _, c := range list.Items {
				of := "what policies say"
				if c.Spec.Default {
					of += ", and what none matches"
				}
				t.row(c.Metadata.Namespace, c.Metadata.Name, c.Spec.Type, fmt.Sprint(c.Spec.MaxPerHour), of)
			}
		}); err != nil {
			return err
		}
		return sayIfEmpty(cmd, len(list.Items), "No channels. Push a manifest of kind NotificationChannel")
	}
	return cmd
}

func newChannelsTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test NAMESPACE/NAME",
		Short: "Send a test to a channel and show its answer",
		Long: `Send a test to a channel and show its answer. It is sent once and at once, as any notification
is; exit status 1 says that the channel did not take it.`,
		Example: "  crontopus channels test production/ops",
		Args:    exactArgs("NAMESPACE/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := crontopus.ParseJobName(args[0])
			if err != nil {
				return err
			}
			api, err := connect(cmd)
			if err != nil {
				return err
			}
			n, err := api.TestChannel(cmd.Context(), name)
			if err != nil {
				return err
			}
			for _, a := range n.Attempts {
				fmt.Fprintln(cmd.OutOrStdout(), a.Answer)
			}
			if n.State != crontopus.NotificationDelivered {
				return errProblems
			}
			return nil
		},
	}
}
