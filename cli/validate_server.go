package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// loginServer stands for --server without an address: the environment's, or the one that
// auth login stored.
const loginServer = "the one of auth login"

// takeServer takes the address out of the arguments that follows --server as a word of its
// own: a flag that may stand alone takes no word after it.
func takeServer(cmd *cobra.Command, args []string) ([]string, error) {
	flag := cmd.Flags().Lookup("server")
	if flag.Value.String() != loginServer {
		return args, nil
	}
	address := ""
	if i := slices.IndexFunc(args, func(a string) bool { return strings.Contains(a, "://") }); i >= 0 {
		address = args[i]
		args = slices.Delete(slices.Clone(args), i, i+1)
	}
	return args, flag.Value.Set(address)
}

// ask asks the server for the agents that it knows, for manifests to be looked at beside them.
func (v *validation) ask(cmd *cobra.Command) error {
	api, err := connect(cmd)
	if err != nil {
		return err
	}
	agents, err := everyPage(cmd.Context(), api.Agents)
	v.asked, v.agents = err == nil, agents.Items
	return err
}
