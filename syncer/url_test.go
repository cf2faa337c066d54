package syncer_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/syncer"
)

func TestCheckURL(t *testing.T) {
	private := syncer.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	files := syncer.Options{AllowFileSources: true}
	for name, c := range map[string]struct {
		url  string
		opts syncer.Options
		code string // "": fine
	}{
		"https":                      {"https://git.example.com/a/b.git", syncer.Options{}, ""},
		"https, a port":              {"https://git.example.com:8443/a/b", syncer.Options{}, ""},
		"https, a public address":    {"https://1.1.1.1/a", syncer.Options{}, ""},
		"https, loopback":            {"https://127.0.0.1/a", syncer.Options{}, crontopus.CodeForbidden},
		"https, loopback v6":         {"https://[::1]/a", syncer.Options{}, crontopus.CodeForbidden},
		"https, private":             {"https://10.1.2.3/a", syncer.Options{}, crontopus.CodeForbidden},
		"https, private and allowed": {"https://10.1.2.3/a", private, ""},
		"http":                       {"http://git.example.com/a", syncer.Options{}, crontopus.CodeForbidden},
		"http, perhaps inside":       {"http://git.example.com/a", private, ""},
		"http, inside":               {"http://10.1.2.3/a", private, ""},
		"http, outside":              {"http://1.1.1.1/a", private, crontopus.CodeForbidden},
		"file":                       {"file:///srv/a.git", syncer.Options{}, crontopus.CodeForbidden},
		"file, allowed":              {"file:///srv/a.git", files, ""},
		"file, of a host":            {"file://elsewhere/a.git", files, crontopus.CodeInvalid},
		"file, two slashes":          {"file://srv", files, crontopus.CodeInvalid},
		"a path":                     {"/srv/a.git", files, crontopus.CodeInvalid},
		"scp":                        {"git@example.com:a.git", syncer.Options{}, ""},
		"scp, loopback":              {"git@127.0.0.1:a.git", syncer.Options{}, crontopus.CodeForbidden},
		"scp, a port in the path":    {"git@example.com:22:a.git", syncer.Options{}, crontopus.CodeInvalid},
		"scp, no path":               {"git@example.com:", syncer.Options{}, crontopus.CodeInvalid},
		"scp, an option":             {"git@example.com:-x", syncer.Options{}, crontopus.CodeInvalid},
		"scp, a space":               {"git@example.com:a b.git", syncer.Options{}, crontopus.CodeInvalid},
		"ssh":                        {"ssh://git@example.com/a.git", syncer.Options{}, ""},
		"ssh, a port":                {"ssh://git@example.com:2222/a.git", syncer.Options{}, ""},
		"ssh, private":               {"ssh://git@10.1.2.3/a.git", syncer.Options{}, crontopus.CodeForbidden},
		"ssh, private and allowed":   {"ssh://git@10.1.2.3/a.git", private, ""},
		"ssh, no user":               {"ssh://example.com/a.git", syncer.Options{}, crontopus.CodeInvalid},
		"ssh, a password":            {"ssh://git:token@example.com/a.git", syncer.Options{}, crontopus.CodeInvalid},
		"ssh, no repository":         {"ssh://git@example.com/", syncer.Options{}, crontopus.CodeInvalid},
		"git+ssh":                    {"git+ssh://git@example.com/a.git", syncer.Options{}, crontopus.CodeUnsupported},
		"git":                        {"git://example.com/a.git", syncer.Options{}, crontopus.CodeUnsupported},
		"ftp":                        {"ftp://example.com/a.git", syncer.Options{}, crontopus.CodeInvalid},
		"ext":                        {"ext::sh -c id", syncer.Options{}, crontopus.CodeInvalid},
		"credentials":                {"https://bot:token@example.com/a.git", syncer.Options{}, crontopus.CodeInvalid},
		"a query":                    {"https://example.com/a.git?x=y", syncer.Options{}, crontopus.CodeInvalid},
		"a fragment":                 {"https://example.com/a.git#main", syncer.Options{}, crontopus.CodeInvalid},
		"no host":                    {"https:///a.git", syncer.Options{}, crontopus.CodeInvalid},
		"opaque":                     {"https:example.com/a.git", syncer.Options{}, crontopus.CodeInvalid},
		"nothing":                    {"", syncer.Options{}, crontopus.CodeInvalid},
		"an option":                  {"--upload-pack=id", syncer.Options{}, crontopus.CodeInvalid},
		"a space":                    {"https://example.com/a b.git", syncer.Options{}, crontopus.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			err := syncer.CheckURL(c.url, c.opts)
			require.Equal(t, c.code, crontopus.ErrorCode(err), "%v", err)
			if err != nil {
				require.NotContains(t, err.Error(), "token")
			}
		})
	}
}
