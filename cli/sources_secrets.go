package cli

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
)

// envSourcePassword holds the repository's password or token where no file does.
const envSourcePassword = "CRONTOPUS_SOURCE_PASSWORD"

// secretFlags are the words that give a source its credentials.
type secretFlags struct {
	username, passwordFile, webhookSecretFile string
	sshKeyFile, knownHostsFile                string
}

// add ends the help of the webhook's secret with what becomes of it otherwise.
func (f *secretFlags) add(flags *pflag.FlagSet, otherwise string) {
	flags.StringVar(&f.username, "username", "", "user name for a private repository")
	flags.StringVar(&f.passwordFile, "password-file", "", "`file` that holds its password or access token")
	flags.StringVar(&f.sshKeyFile, "ssh-key-file", "", "`file` that holds the private key for a repository by ssh")
	flags.StringVar(&f.knownHostsFile, "known-hosts-file", "", "`file` that holds the known_hosts lines of its server")
	flags.StringVar(&f.webhookSecretFile, "webhook-secret-file", "", "`file` that holds the webhook's secret"+otherwise)
}

// read opens the files, and takes the password from the environment where none is named.
func (f *secretFlags) read(stdin io.Reader) (secrets crontopus.SourceSecrets, err error) {
	secrets.Username, secrets.Password = f.username, os.Getenv(envSourcePassword)
	stdins := 0
	for _, name := range []string{f.passwordFile, f.webhookSecretFile, f.sshKeyFile, f.knownHostsFile} {
		if name == "-" {
			stdins++
		}
	}
	if stdins > 1 {
		return secrets, crontopus.Errorf(crontopus.CodeInvalid, "standard input cannot hold both secrets").WithHint("put one of them into a file")
	}
	for _, secret := range []struct {
		flag, file string
		into       *string
	}{
		{"--password-file", f.passwordFile, &secrets.Password},
		{"--webhook-secret-file", f.webhookSecretFile, &secrets.WebhookSecret},
		{"--ssh-key-file", f.sshKeyFile, &secrets.SSHKey},
		{"--known-hosts-file", f.knownHostsFile, &secrets.KnownHosts},
	} {
		if secret.file == "" {
			continue
		}
		if *secret.into, err = secretFile(secret.flag, secret.file, stdin); err != nil {
			return secrets, err
		}
	}
	return secrets, nil
}

// secretFile reads a secret without the newline that editors put at its end.
func secretFile(flag, name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		f, err := openNamed(name)
		if err != nil {
			return "", cannotRead(flag+" "+name, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSecret))
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "%s: %w", flag, err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "%s: %s is empty", flag, name).WithHint("write the secret into it, and nothing else")
	}
	return secret, nil
}
