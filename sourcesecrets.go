package crontopus

import (
	"cmp"
	"net/url"
	"strings"
)

// SourceSecrets are a source's credentials. They are stored in the secret box only.
type SourceSecrets struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`   // or an access token
	SSHKey        string `json:"sshKey,omitempty"`     // a private key, PEM or OpenSSH form, without passphrase
	KnownHosts    string `json:"knownHosts,omitempty"` // lines as in ssh's known_hosts
	WebhookSecret string `json:"webhookSecret"`
}

// With returns the credentials after a change: what is empty in it stays as it was.
func (s SourceSecrets) With(change SourceSecrets) SourceSecrets {
	return SourceSecrets{
		Username: cmp.Or(change.Username, s.Username), Password: cmp.Or(change.Password, s.Password),
		SSHKey: cmp.Or(change.SSHKey, s.SSHKey), KnownHosts: cmp.Or(change.KnownHosts, s.KnownHosts),
		WebhookSecret: cmp.Or(change.WebhookSecret, s.WebhookSecret),
	}
}

// Names says in words which credentials there are, and nothing of what they are.
func (s SourceSecrets) Names() (names []string) {
	for _, secret := range []struct{ name, value string }{
		{"user name", s.Username}, {"password", s.Password}, {"ssh key", s.SSHKey}, {"known_hosts", s.KnownHosts}, {"webhook secret", s.WebhookSecret},
	} {
		if secret.value != "" {
			names = append(names, secret.name)
		}
	}
	return names
}

// CheckFor returns invalid where a repository at this address cannot be fetched for want of a
// credential: by ssh nothing can be read without a key, nor from a server that is not known.
func (s SourceSecrets) CheckFor(address string) error {
	u, bySSH := ParseSSH(address)
	if !bySSH || s.SSHKey != "" && s.KnownHosts != "" {
		return nil
	}
	return Errorf(CodeInvalid, "the repository is fetched by ssh, which needs a deploy key and the known_hosts lines of its server").
		WithHint("give both, --ssh-key-file and --known-hosts-file; %s prints the lines, to be compared with what its operator publishes", Keyscan(u))
}

// ParseSSH reads an address that is fetched by ssh, ssh://user@host/path or user@host:path as
// git clone takes it; ok is false for any other.
func ParseSSH(address string) (u *url.URL, ok bool) {
	if u, err := url.Parse(address); err == nil && u.Scheme != "" {
		return u, strings.EqualFold(u.Scheme, "ssh")
	}
	where, path, found := strings.Cut(address, ":")
	user, host, named := strings.Cut(where, "@")
	if !found || !named || user == "" || host == "" || strings.ContainsAny(where, "/[]") || strings.Contains(path, ":") {
		return nil, false
	}
	return &url.URL{Scheme: "ssh", User: url.User(user), Host: host, Path: path}, true
}

// Keyscan is the command that prints the known_hosts lines of the server at an address of
// ParseSSH. Without its port another server would answer, or the lines would name another.
func Keyscan(u *url.URL) string {
	if port := u.Port(); port != "" && port != "22" {
		return "ssh-keyscan -p " + port + " " + u.Hostname()
	}
	return "ssh-keyscan " + u.Hostname()
}
