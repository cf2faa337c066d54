package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/internal/usage"
)

func newEnrollCommand(settings *flags) *cobra.Command {
	e := agent.Enrollment{Version: usage.Version()}
	cmd := &cobra.Command{
		Use:   "enroll --server URL --token TOKEN",
		Short: "Make this host an agent of a server",
		Long: `Makes a key on this host, proves it to the server with a token from
"crontopus agents enroll", and pins the server's signing key, whose fingerprint the token
carries. An enrolment that broke off can be repeated.

A configuration file that --config names and that does not exist is written, with the
settings that were given.`,
		Args: usage.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, missing, err := settings.loadForEnroll()
			if err != nil {
				return err
			}
			if config.Server == "" {
				return crontopus.Errorf(crontopus.CodeInvalid, "no server is named").WithHint("write --server URL, such as https://cron.example.com")
			}
			if e.Token == "" {
				return crontopus.Errorf(crontopus.CodeInvalid, "no token is given").WithHint("ask for one with `crontopus agents enroll`, and write --token TOKEN")
			}
			e.Server = config.Server
			if missing != "" {
				e.Configure = func() error { return write(missing, config) }
			}
			id, err := agent.Enroll(cmd.Context(), agent.State{Dir: config.StateDir}, e)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "enrolled as %s (agent %s, tenant %s) with %s\n", id.Name, id.AgentID, id.Tenant, id.Server)
			fmt.Fprintf(cmd.ErrOrStderr(), "start it with: %s\n", settings.runCommand(missing != ""))
			return nil
		},
	}
	cmd.Flags().StringVar(&e.Token, "token", os.Getenv("CRONTOPUS_AGENT_TOKEN"), "`token` that \"crontopus agents enroll\" printed (or CRONTOPUS_AGENT_TOKEN)")
	cmd.Flags().Lookup("token").DefValue = "" // a secret is not for the help
	cmd.Flags().StringVar(&e.Name, "name", "", "`name` that the host would like, where the token leaves a choice")
	return cmd
}

// runCommand is how to start the daemon with the settings that were given here: by the
// file that was written with them, or flag by flag. The server is known from now on.
func (f *flags) runCommand(written bool) string {
	command := "crontopus-agent run"
	f.given.VisitAll(func(flag *pflag.Flag) {
		inFile := written && flag.Name != "config"
		if flag.Changed && !inFile && flag.Name != "server" {
			command += " --" + flag.Name + " " + flag.Value.String()
		}
	})
	return command
}

// loadForEnroll is load, but for a named file that is not there yet: missing is its path.
func (f *flags) loadForEnroll() (c agent.Config, missing string, err error) {
	path, err := f.path(os.Getenv)
	if err != nil {
		return c, "", err
	}
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		path, missing = "", path
	}
	c, err = read(path, f.given, os.Environ(), os.Getenv)
	return c, missing, err
}
