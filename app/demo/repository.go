package demo

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// branch is the branch that the demo's source syncs from.
const branch = "main"

// repository is a bare repository, as a forge holds one, and an engineer's clone of it.
type repository struct {
	demo  *demo
	bare  string
	clone string
}

// newRepository makes both and puts the files of seed into the clone, not yet committed.
func (d *demo) newRepository(ctx context.Context, seed fs.FS) (*repository, error) {
	r := &repository{d, filepath.Join(d.dir, "repository.git"), filepath.Join(d.dir, "clone")}
	if _, err := d.run(ctx, "git", "init", "--quiet", "--bare", "--initial-branch="+branch, r.bare); err != nil {
		return nil, err
	}
	if _, err := d.run(ctx, "git", "clone", "--quiet", r.bare, r.clone); err != nil {
		return nil, err
	}
	return r, os.CopyFS(r.clone, seed)
}

// URL is how a source names the repository.
func (r *repository) URL() string { return "file://" + r.bare }

// hook makes the bare repository send a signed webhook after each push. Like a forge's it
// is sent on the side: the push does not wait for it.
func (r *repository) hook(url, secret string) error {
	secretFile := filepath.Join(r.bare, "webhook.secret")
	if err := os.WriteFile(secretFile, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexport %s='%s' %s='%s'\npushed=$(cat)\nprintf '%%s\\n' \"$pushed\" | '%s' demo-webhook >'%s' 2>&1 &\n",
		envHookURL, url, envHookSecret, secretFile, r.demo.crontopus, filepath.Join(r.demo.dir, "webhook.log"))
	return os.WriteFile(filepath.Join(r.bare, "hooks", "post-receive"), []byte(script), 0o755)
}

// push commits all that the clone holds and pushes it; it returns the commit's hash.
func (r *repository) push(ctx context.Context, message string) (string, error) {
	for _, args := range [][]string{
		{"add", "--all"},
		{"commit", "--quiet", "--message", message},
		{"push", "--quiet", "origin", "HEAD:" + branch},
	} {
		if _, err := r.demo.run(ctx, append([]string{"git", "-C", r.clone}, args...)...); err != nil {
			return "", err
		}
	}
	hash, err := r.demo.run(ctx, "git", "-C", r.clone, "rev-parse", "HEAD")
	return strings.TrimSpace(hash), err
}

// write replaces a file of the clone.
func (r *repository) write(name, content string) error {
	return os.WriteFile(filepath.Join(r.clone, name), []byte(content), 0o644)
}

// removeManifests deletes every manifest of the clone.
func (r *repository) removeManifests() error {
	return filepath.WalkDir(r.clone, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".yaml"):
			return os.Remove(path)
		}
		return nil
	})
}
