package cli

import (
	"github.com/spf13/cobra"

	"crontopus.dev/crontopus/api/client"
)

func newSourcesPinCommand() *cobra.Command {
	var wait syncWait
	cmd := &cobra.Command{
		Use:   "pin NAME REVISION",
		Short: "Hold a source at a commit of its branch",
		Long: `Hold a source at a commit of its branch: by its hash, the first seven characters of it or
more, or the revision as other commands show it. The commit is validated and brought into
effect like a push; what is pushed from then on is looked at and changes nothing, until the
source is unpinned or pinned to another commit. With --wait it tells the outcome, as sources
sync does.`,
		Example: `  crontopus sources pin ops 4f2a91c
  crontopus sources pin ops 4f2a91c --wait`,
		Args: exactArgs("NAME", "REVISION"),
	}
	wait.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return wait.run(cmd, args[0], func(api *client.Client) (string, error) {
			return "Pinning " + args[0] + " to " + args[1], api.PinSource(cmd.Context(), args[0], args[1])
		})
	}
	return cmd
}

func newSourcesUnpinCommand() *cobra.Command {
	var wait syncWait
	cmd := &cobra.Command{
		Use:   "unpin NAME",
		Short: "Let a pinned source follow its branch again",
		Args:  exactArgs("NAME"),
	}
	wait.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return wait.run(cmd, args[0], func(api *client.Client) (string, error) {
			return "Unpinned " + args[0] + ", syncing its branch's head", api.UnpinSource(cmd.Context(), args[0])
		})
	}
	return cmd
}

func newSourcesRollbackCommand() *cobra.Command {
	var to string
	var wait syncWait
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Go back to the revision that was in force before, and stay there",
		Long: `Pin a source to the last revision that was in force before the present one, or with --to
to an earlier one. It comes into effect as a push of that commit would: validated, held where
it removes too much, and as a new generation on the hosts. Going back again goes back one more.
Then mend the branch, and let the source follow it: crontopus sources unpin NAME.`,
		Example: `  crontopus sources rollback ops
  crontopus sources rollback ops --to 4f2a91c`,
		Args: exactArgs("NAME"),
	}
	cmd.Flags().StringVar(&to, "to", "", "`revision` that was in force, by its commit or by the id of a sync")
	wait.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return wait.run(cmd, args[0], func(api *client.Client) (string, error) {
			chosen, err := api.RollbackSource(cmd.Context(), args[0], to)
			return "Going back to " + chosen.Revision, err
		})
	}
	return cmd
}
