package syncer

import (
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/netguard"
)

// CheckURL reports what keeps an address from being a source's: a scheme that is not
// fetched, plain http or a file where the operator did not allow it, credentials inside it. A host's
// name is not resolved here; that is checked at each dial.
func CheckURL(raw string, opts Options) error {
	if u, ok := crontopus.ParseSSH(raw); ok && !strings.ContainsAny(raw, "?#\n\r\t\\ ") {
		return checkSSH(u, opts)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return crontopus.Errorf(crontopus.CodeInvalid, "this is not the URL of a repository").
			WithHint("write it like https://git.example.com/team/jobs.git or git@git.example.com:team/jobs.git")
	}
	switch scheme := strings.ToLower(u.Scheme); {
	case scheme == "git+ssh", scheme == "git":
		return crontopus.Errorf(crontopus.CodeUnsupported, "repositories are not fetched by %s", scheme).
			WithHint("use the repository's https:// address with an access token, or its ssh:// address with a deploy key")
	case u.User != nil:
		return crontopus.Errorf(crontopus.CodeInvalid, "the URL holds a user or password, which would be shown to everybody").
			WithHint("leave it out of the URL and give the source a username and password")
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(raw, "?#\n\r\t\\ "):
		return crontopus.Errorf(crontopus.CodeInvalid, "the URL of a repository has no query, fragment, space or backslash")
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return checkHost(u, netguard.Guard{Allow: opts.AllowNetworks})
	case "http":
		if len(opts.AllowNetworks) == 0 {
			return crontopus.Errorf(crontopus.CodeForbidden, "plain http is allowed inside a trusted network only").
				WithHint("use https, or start the server with --allow-network CIDR, where CIDR holds the repository's address")
		}
		return checkHost(u, netguard.Guard{Allow: opts.AllowNetworks, AllowedOnly: true})
	case "file":
		return checkFile(u, opts)
	}
	return crontopus.Errorf(crontopus.CodeInvalid, "repositories are not fetched by %q", u.Scheme).
		WithHint("write an https:// address")
}

func checkHost(u *url.URL, guard netguard.Guard) error {
	if u.Hostname() == "" || u.Opaque != "" {
		return crontopus.Errorf(crontopus.CodeInvalid, "the URL names no host").
			WithHint("write it like https://git.example.com/team/jobs.git")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return guard.Check(addr)
	}
	return nil
}

func checkFile(u *url.URL, opts Options) error {
	switch {
	case !opts.AllowFileSources:
		return crontopus.Errorf(crontopus.CodeForbidden, "file:// sources are not allowed: they read this server's own disk").
			WithHint("use https, or start the server with --allow-file-sources")
	case u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(filepath.FromSlash(u.Path)):
		return crontopus.Errorf(crontopus.CodeInvalid, "a file:// URL names an absolute path on this server").
			WithHint("write it with three slashes, like file:///srv/git/jobs.git")
	}
	return nil
}

// asStalled is a refusal of CheckURL as a failure of a sync.
func asStalled(err error) *failure {
	message := err.Error()
	if hint := crontopus.ErrorHint(err); hint != "" {
		message += "; " + hint
	}
	return stalled(crontopus.ReasonFetchFailed, "%s", message)
}
