package usage_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/usage"
)

func TestWrongCommandLinesAreToldWhatWasMeant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, says, hint string }{
		{"fush", `"fush" is not a command of octopus`, "did you mean octopus fish?"},
		{"fish xyz", `"xyz" is not a command of octopus fish`, "octopus fish --help lists the commands"},
		{"help fush", `"fush" is not a command of octopus`, "did you mean octopus fish?"},
		{"help fish cach", `"cach" is not a command of octopus fish`, "did you mean octopus fish catch?"},
		{"fish catch", "NAME is missing", "write octopus fish catch NAME"},
		{"fish catch cod now", `"now" is one argument too many`, "write octopus fish catch NAME"},
		{"fish fry one two", `"two" is one argument too many`, "write octopus fish fry [PAN]"},
		{"fish catch cod --nte x", "octopus fish catch has no flag --nte", "did you mean --net?"},
		{"fish catch cod --rod", "octopus fish catch has no flag --rod", "octopus fish catch --help shows the flags"},
		{"fish catch cod --net", "flag needs an argument: --net", "octopus fish catch --help shows the flags"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := run(c.name)
			require.EqualError(t, err, c.says)
			require.Equal(t, c.hint, crontopus.ErrorHint(err))
		})
	}
}

func TestHelpAndVersionAnswerWhatIsThere(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"help":            "Available Commands:",
		"help fish":       "octopus fish [command]",
		"help fish catch": "octopus fish catch NAME",
		"--version":       "octopus version v8\n",
	} {
		out, err := run(line)
		require.NoError(t, err)
		require.Contains(t, out, says)
	}
}

// run runs one command line of a program with a group and a command.
func run(line string) (string, error) {
	help := func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	catch := &cobra.Command{Use: "catch NAME", Args: usage.ExactArgs("NAME"), RunE: func(*cobra.Command, []string) error { return nil }}
	catch.Flags().String("net", "", "")
	fish := &cobra.Command{Use: "fish", Args: usage.NoSuchCommand, RunE: help}
	fish.AddCommand(catch, &cobra.Command{Use: "fry [PAN]", Args: usage.MaxArgs("PAN"), RunE: func(*cobra.Command, []string) error { return nil }})
	root := &cobra.Command{Use: "octopus", Args: usage.NoSuchCommand, RunE: help, SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(fish)
	usage.Prepare(root, "v8")
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(strings.Fields(line))
	err := root.Execute()
	return out.String(), err
}

func TestVersionNamesTheProgramAndWhatItWasBuiltFor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	root := &cobra.Command{Use: "octopus"}
	root.AddCommand(usage.VersionCommand())
	root.SetArgs([]string{"version"})
	root.SetOut(&out)
	require.NoError(t, root.Execute())
	require.Equal(t, fmt.Sprintf("octopus %s %s %s/%s\n", usage.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH), out.String())
	root.SetArgs([]string{"version", "now"})
	root.SilenceErrors, root.SilenceUsage = true, true
	require.ErrorContains(t, root.Execute(), `"now" is one argument too many`)
}
