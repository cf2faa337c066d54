package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/internal/atomicfile"
	"crontopus.dev/crontopus/internal/usage"
)

// Environment variables that say which server to ask, and as whom.
const (
	envServer = "CRONTOPUS_SERVER"
	envAPIKey = "CRONTOPUS_API_KEY"
)

// connection is which server to ask, and as whom. auth login stores one.
type connection struct {
	Server string `json:"server"`
	APIKey string `json:"apiKey"`
}

// addServerFlags gives a command, and the ones below it, the flags that say which server
// to ask.
func addServerFlags(cmd *cobra.Command) *cobra.Command {
	cmd.PersistentFlags().String("server", "", "address of the server (default: $"+envServer+", then what auth login stored)")
	cmd.PersistentFlags().String("api-key", "", "API key (default: $"+envAPIKey+", then what auth login stored)")
	return cmd
}

// connect returns a client of the server that the flags, the environment or the stored
// login name, in this order.
func connect(cmd *cobra.Command) (*client.Client, error) {
	stored, err := loadConnection()
	if err != nil {
		return nil, err
	}
	server, _ := cmd.Flags().GetString("server")
	key, _ := cmd.Flags().GetString("api-key")
	c := resolve(connection{server, key}, connection{os.Getenv(envServer), os.Getenv(envAPIKey)}, stored)
	switch {
	case c.Server == "":
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "no server is known").
			WithHint("log in with: crontopus auth login --server URL < admin.key (or set %s and %s)", envServer, envAPIKey)
	case c.APIKey == "":
		return nil, crontopus.Errorf(crontopus.CodeUnauthorized, "no API key is known for %s", c.Server).
			WithHint("log in with: crontopus auth login --server %s < admin.key (or set %s)", c.Server, envAPIKey)
	}
	return client.New(c.Server, client.WithAPIKey(c.APIKey), client.As("crontopus", usage.Version()))
}

// resolve takes each part from the first that has it. The stored key belongs to the
// stored server: it is never sent to another one.
func resolve(flags, env, stored connection) connection {
	c := connection{first(flags.Server, env.Server, stored.Server), first(flags.APIKey, env.APIKey)}
	if c.APIKey == "" && strings.TrimRight(c.Server, "/") == strings.TrimRight(stored.Server, "/") {
		c.APIKey = stored.APIKey
	}
	return c
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// connectionFile is where auth login stores the connection: the XDG configuration folder.
func connectionFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "no folder for configuration: %w", err).WithHint("set HOME or XDG_CONFIG_HOME")
	}
	return filepath.Join(dir, "crontopus", "login.json"), nil
}

// loadConnection reads what auth login stored; nothing stored is an empty connection.
func loadConnection() (connection, error) {
	file, err := connectionFile()
	if err != nil {
		return connection{}, nil //nolint:nilerr // a service account may have no home; flags and environment still work
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return connection{}, nil
	}
	if err != nil {
		return connection{}, err
	}
	var c connection
	if err := json.Unmarshal(data, &c); err != nil {
		return connection{}, crontopus.Errorf(crontopus.CodeInvalid, "%s cannot be read: %w", file, err).WithHint("log in again, or remove the file")
	}
	return c, nil
}

// saveConnection stores c for the commands to come, readable by its owner only.
func saveConnection(c connection) (file string, err error) {
	if file, err = connectionFile(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	return file, atomicfile.Write(file, append(data, '\n'), 0o600)
}
