package app

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
)

// Options says how a server runs. The zero value is not usable; start from Defaults.
type Options struct {
	Listen           string        // address to listen on, host:port
	MetricsListen    string        // address of the metrics' page, host:port; "": there is none
	OTLPEndpoint     string        // base URL of a collector that is told of traces; default: OTEL_EXPORTER_OTLP_ENDPOINT, else nobody
	Data             string        // folder of database, keys and mirrors; each server has its own
	Roles            []string      // what the server does: RoleAPI, RoleSyncer, RoleAlert
	Database         string        // URL of a PostgreSQL database; default: the SQLite file in Data
	PublicURL        string        // how agents and the forge reach this server; default: from Listen
	TLSCert, TLSKey  string        // PEM files; both or neither
	SigningKey       string        // PEM file of the key that signs bundles; default DATA/keys/signing.pem
	AllowNetworks    []string      // CIDR ranges, closed by default, that the server may reach
	AllowFileSources bool          // let sources name file:// repositories
	BundleLife       time.Duration // how long a bundle may be accepted after it was signed
	KeepRuns         string        // how long runs are kept, such as 90d; 0: for ever
	KeepRunsPerJob   int           // how many of each job's runs are kept; 0: all
	DrainDelay       time.Duration // how long a stopping server serves on while /readyz says that it stops
	DrainTimeout     time.Duration // how long a stopping server waits for requests under way
}

// Defaults returns the options of a server that nobody configured.
func Defaults() Options {
	return Options{
		Listen:         "127.0.0.1:8080",
		OTLPEndpoint:   os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"),
		Data:           defaultData(),
		Roles:          []string{RoleAPI, RoleSyncer, RoleAlert},
		BundleLife:     14 * 24 * time.Hour,
		KeepRuns:       "90d",
		KeepRunsPerJob: 10_000,
		DrainTimeout:   15 * time.Second,
	}
}

// Flags declares every option as a flag of the set, with o's values as defaults.
func (o *Options) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Listen, "listen", o.Listen, "address to listen on, `HOST:PORT`")
	flags.StringVar(&o.MetricsListen, "metrics-listen", o.MetricsListen, "show Prometheus metrics at http://`HOST:PORT`/metrics, to everybody who reaches it (default: nowhere)")
	flags.StringVar(&o.OTLPEndpoint, "otlp-endpoint", o.OTLPEndpoint, "tell an OpenTelemetry collector at this `URL` of traces from webhooks to hosts, by OTLP over HTTP (default: what OTEL_EXPORTER_OTLP_ENDPOINT says, else nobody)")
	flags.StringVar(&o.Data, "data", o.Data, "`folder` of database, keys and mirrors")
	flags.StringSliceVar(&o.Roles, "roles", o.Roles, "what this server does, where several share a database: api answers agents, people and forges; syncer syncs, signs and publishes; alert delivers notifications")
	flags.StringVar(&o.Database, "database", o.Database, "`URL` of a PostgreSQL database, postgres://USER@HOST/NAME; one with a password belongs into the environment (default: SQLite in the data folder)")
	flags.StringVar(&o.PublicURL, "public-url", o.PublicURL, "`URL` at which agents and the forge reach this server (default: from --listen)")
	flags.StringVar(&o.TLSCert, "tls-cert", o.TLSCert, "certificate chain, a PEM `file`; agents on other hosts need https")
	flags.StringVar(&o.TLSKey, "tls-key", o.TLSKey, "private key of --tls-cert, a PEM `file`")
	flags.StringVar(&o.SigningKey, "signing-key", o.SigningKey, "private key that signs bundles, a PEM `file` (default DATA/keys/signing.pem, made at the first start)")
	flags.StringSliceVar(&o.AllowNetworks, "allow-network", o.AllowNetworks, "let sources resolve to addresses in this private, loopback or link-local `CIDR`; may be repeated")
	flags.BoolVar(&o.AllowFileSources, "allow-file-sources", o.AllowFileSources, "let sources name file:// repositories on this machine")
	flags.DurationVar(&o.BundleLife, "bundle-life", o.BundleLife, "how long an agent may accept a bundle after it was signed")
	flags.StringVar(&o.KeepRuns, "keep-runs", o.KeepRuns, "how long runs are kept, a `duration` such as 90d; 0: for ever")
	flags.IntVar(&o.KeepRunsPerJob, "keep-runs-per-job", o.KeepRunsPerJob, "how many runs of each job are kept, the newest; 0: all")
	flags.DurationVar(&o.DrainDelay, "drain-delay", o.DrainDelay, "how long a stopping server serves on after /readyz says 503, for load balancers to notice")
	flags.DurationVar(&o.DrainTimeout, "drain-timeout", o.DrainTimeout, "how long a stopping server waits for requests under way")
}

// defaultData is the XDG data folder, or /var/lib/crontopus for root.
func defaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/crontopus"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "crontopus")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "crontopus-data"
	}
	return filepath.Join(home, ".local", "share", "crontopus")
}

// networks parses AllowNetworks.
func (o *Options) networks() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range o.AllowNetworks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "--allow-network %q is not a network", text).
				WithHint("write it as a CIDR, such as 10.0.0.0/8 or fd00::/8")
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

// validate finds what can never work before anything is opened.
func (o *Options) validate() error {
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return crontopus.Errorf(crontopus.CodeInvalid, "--tls-cert and --tls-key go together")
	}
	if o.Database != "" && !strings.HasPrefix(o.Database, "postgres://") && !strings.HasPrefix(o.Database, "postgresql://") {
		return crontopus.Errorf(crontopus.CodeInvalid, "--database is not the URL of a PostgreSQL database").
			WithHint("write it as postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full, or leave it out for SQLite in the data folder")
	}
	if err := o.validateRoles(); err != nil {
		return err
	}
	if o.BundleLife < time.Minute {
		return crontopus.Errorf(crontopus.CodeInvalid, "--bundle-life is %s, and at least 1m is needed", o.BundleLife)
	}
	if o.DrainDelay < 0 {
		return crontopus.Errorf(crontopus.CodeInvalid, "--drain-delay is %s, and cannot be less than 0", o.DrainDelay)
	}
	if _, err := o.keepRuns(); err != nil {
		return err
	}
	_, err := o.networks()
	return err
}
