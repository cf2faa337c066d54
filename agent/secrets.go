package agent

import (
	"io"
	"path/filepath"
	"strings"

	"crontopus.dev/crontopus"
)

// maxSecret bounds a secret's file, so that a wrong path cannot fill the memory.
const maxSecret = 64 << 10

// secrets are the values of a job's secrets, as far as the host's policy still lets them be read.
func (r *run) secrets() (map[string]string, error) {
	if len(r.job.Spec.Run.Secrets) == 0 {
		return nil, nil
	}
	policy, err := r.Policy()
	if err == nil {
		err = policy.allowsSecrets(&r.job.Spec.Run)
	}
	if err != nil {
		return nil, because(crontopus.ReasonDenied, err)
	}
	kept := func(string) error { return nil }
	if policy.rootSecretsOnly() {
		kept = func(path string) error { return keptBy(0, filepath.Dir(filepath.Clean(RootSecrets)), path) }
	}
	values, err := readSecrets(r.job.Spec.Run.Secrets, r.State, kept)
	return values, because(crontopus.ReasonSecretMissing, err)
}

// readSecrets resolves a job's references on this host. What the agent itself keeps, such as
// its key, is no job's to read, nor is what kept refuses.
func readSecrets(references map[string]string, own State, kept func(path string) error) (map[string]string, error) {
	values := make(map[string]string, len(references))
	for name, reference := range references {
		path, isFile := strings.CutPrefix(reference, "file:")
		if !isFile || !filepath.IsAbs(path) {
			return nil, crontopus.Errorf(crontopus.CodeUnsupported, "the secret %s has the reference %q, which this agent cannot resolve", name, reference).
				WithHint("write file:/absolute/path")
		}
		if own.holds(path) {
			return nil, crontopus.Errorf(crontopus.CodeForbidden, "the secret %s is to be read from %s, which is in the agent's own state folder", name, path).
				WithHint("keep the jobs' secrets in a folder of their own, such as /etc/crontopus/secrets")
		}
		value, err := readSecret(path)
		if err == nil {
			err = kept(path)
		}
		if err != nil {
			return nil, crontopus.Errorf(crontopus.ErrorCode(err), "the secret %s: %w", name, err)
		}
		values[name] = value
	}
	return values, nil
}

// readSecret returns a file's content without its last newline. What was opened is what is
// judged, so it cannot be exchanged in between.
func readSecret(path string) (string, error) {
	f, err := openNoFollow(path)
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeUnavailable, "cannot open it: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeUnavailable, "cannot examine it: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return "", crontopus.Errorf(crontopus.CodeInvalid, "%s is not a regular file", path)
	case info.Mode().Perm()&0o002 != 0:
		return "", crontopus.Errorf(crontopus.CodeForbidden, "everybody on this host may write to %s; chmod it to 0600", path)
	case info.Size() > maxSecret:
		return "", crontopus.Errorf(crontopus.CodeTooLarge, "%s is larger than %s", path, crontopus.Size(maxSecret))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", crontopus.Errorf(crontopus.CodeUnavailable, "cannot read it: %w", err)
	}
	value := strings.TrimSuffix(string(data), "\n")
	if strings.ContainsRune(value, 0) {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "%s holds a NUL byte, which no environment can", path)
	}
	return value, nil
}
