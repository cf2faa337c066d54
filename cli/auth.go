package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/internal/usage"
)

func newAuthCommand() *cobra.Command {
	return newGroup("auth", "Say which server to ask, and as whom", newAuthLoginCommand(), newAuthLogoutCommand(), newAuthWhoamiCommand())
}

func newAuthLoginCommand() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "login --server URL --key KEY",
		Short: "Store a server's address and an API key for the commands to come",
		Long: `Store a server's address and an API key for the commands to come, in a file that only
you can read. The server is asked first whether it knows the key. Without --key it is
read from standard input, so that it stays out of the shell's history:

  crontopus auth login --server https://cron.example.com < admin.key`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.Server == "" {
				return crontopus.Errorf(crontopus.CodeInvalid, "--server is missing").
					WithHint("write crontopus auth login --server https://cron.example.com < admin.key")
			}
			if c.APIKey == "" {
				key, err := readSecret(cmd.InOrStdin())
				if err != nil {
					return err
				}
				c.APIKey = key
			}
			if c.APIKey == "" {
				return crontopus.Errorf(crontopus.CodeInvalid, "--key is missing").
					WithHint("the server's first start wrote an admin key into its data folder: pass it with --key, or pipe it in")
			}
			return login(cmd, c)
		},
	}
	cmd.Flags().StringVar(&c.Server, "server", "", "address of the server, such as https://cron.example.com")
	cmd.Flags().StringVar(&c.APIKey, "key", "", "API key, ctk_…")
	return cmd
}

// login asks the server who the key is before anything is stored.
func login(cmd *cobra.Command, c connection) error {
	api, err := client.New(c.Server, client.WithAPIKey(c.APIKey), client.As("crontopus", usage.Version()))
	if err != nil {
		return err
	}
	me, err := api.Whoami(cmd.Context())
	if err != nil {
		return err
	}
	file, err := saveConnection(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Logged in to %s as %s (%s); stored in %s\n", c.Server, me.Name, me.Role, file)
	return nil
}

// readSecret reads one secret that was piped in; a person at a terminal is not waited for.
func readSecret(in io.Reader) (string, error) {
	if f, isFile := in.(*os.File); isFile && styleOf(f).terminal {
		return "", nil
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSecret))
	return strings.TrimSpace(string(data)), err
}

// maxSecret bounds what is read as a key or a password.
const maxSecret = 64 << 10

func newAuthLogoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Forget what auth login stored; the key itself stays valid",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := connectionFile()
			if err != nil {
				return err
			}
			if err := os.Remove(file); errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was stored.")
				return nil
			} else if err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Removed", file)
			return nil
		},
	}
}

func newAuthWhoamiCommand() *cobra.Command {
	cmd := addServerFlags(&cobra.Command{
		Use:   "whoami",
		Short: "Say which server is asked, and as whom",
		Args:  exactArgs(),
	})
	output := addOutputFlag(cmd, formatTable, formatJSON, formatYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect(cmd)
		if err != nil {
			return err
		}
		me, err := api.Whoami(cmd.Context())
		if err != nil {
			return err
		}
		return newPrinter(cmd, output).print(me, func(t *table) {
			t.row("Server:", api.Server())
			t.row("Key:", me.Name)
			t.row("Role:", string(me.Role))
			t.row("Tenant:", string(me.Tenant))
		})
	}
	return cmd
}
