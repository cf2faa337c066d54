// Package gitfs shows the files of a Git commit as an fs.FS, without a checkout. It asks
// the git program, so it also sees what a push has brought and no branch names yet: in a
// pre-receive hook the new objects stand in a quarantine that git knows of by the
// environment.
//
// It imports the root.
package gitfs

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"strings"

	"crontopus.dev/crontopus"
)

// Limits of what is read: a tree's listing of 200,000 files of long names fits well.
const (
	maxListing = 64 << 20
	maxBlob    = 2 << 20 // more of a file is not read; who reads manifests refuses less
)

// FS is the tree of one commit. Close it when it is read.
type FS struct {
	commit string
	prefix string // the folder that was asked from, below the repository's root
	root   *node
	blobs  *batch
}

// node is a file or a folder.
type node struct {
	name     string
	mode     fs.FileMode
	hash     string
	children map[string]*node // of a folder
}

// Open reads the tree of a commit, a branch or whatever else git finds a commit or tree by,
// in the repository that the folder is in. In REF:PATH, as git spells a folder of a commit,
// that folder is the one that is asked from. Errors say what git said.
func Open(ctx context.Context, folder, ref string) (*FS, error) {
	commit, err := resolve(ctx, folder, ref)
	inside, below := "", false
	if err != nil {
		var before string
		if before, inside, below = cutPath(ref); below {
			commit, err = resolve(ctx, folder, before)
		}
	}
	if err != nil {
		if _, outside := git(ctx, folder, "rev-parse", "--git-dir"); outside != nil {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "%s is in no Git repository: %w", folder, outside).
				WithHint("go to a clone of the repository, or leave the Git reference out")
		}
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "there is no commit %q here", ref).
			WithHint("name a branch, a tag or a commit that is in this repository; git fetch brings what is on the server")
	}
	prefix, err := git(ctx, folder, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	listing, err := git(ctx, folder, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	f := &FS{commit: commit, prefix: strings.TrimSuffix(prefix, "/"), root: folderNode(".")}
	if err := f.fill(listing); err != nil {
		return nil, err
	}
	if below {
		if err := f.enter(ref, inside); err != nil {
			return nil, err
		}
	}
	f.blobs, err = startBatch(ctx, folder)
	return f, err
}

// resolve finds the commit that a reference names, or the tree: git write-tree makes one of
// what is about to be committed.
func resolve(ctx context.Context, folder, ref string) (hash string, err error) {
	for _, kind := range []string{"commit", "tree"} {
		hash, err = git(ctx, folder, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{"+kind+"}")
		if err == nil {
			break
		}
	}
	return hash, err
}

// cutPath parts REF:PATH at the first colon outside of braces, which may hold a text or a date.
func cutPath(ref string) (before, inside string, found bool) {
	depth := 0
	for i, c := range ref {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ':' && depth == 0 && i > 0:
			return ref[:i], ref[i+1:], true
		}
	}
	return "", "", false
}

// enter makes a folder of the tree the one that is asked from. As in git, its path begins at
// the repository's root, unless it begins with a dot.
func (f *FS) enter(ref, inside string) error {
	if inside == "." || strings.HasPrefix(inside, "./") || strings.HasPrefix(inside, "../") {
		inside = path.Join(f.prefix, inside)
	}
	inside = path.Clean(cmp.Or(inside, "."))
	switch info, err := fs.Stat(f, inside); {
	case err != nil:
		return crontopus.Errorf(crontopus.CodeInvalid, "there is no folder %q", ref).
			WithHint("after the colon comes a folder of the commit, named from the root of the repository")
	case !info.IsDir():
		return crontopus.Errorf(crontopus.CodeInvalid, "%q is a file", ref).
			WithHint("write the commit alone, and name the file beside it")
	}
	f.prefix = strings.TrimPrefix(inside, ".")
	return nil
}

// Commit returns the commit's hash, or the tree's.
func (f *FS) Commit() string { return f.commit }

// Prefix returns the folder that Open was asked from, slash-separated below the
// repository's root, and "" for the root itself.
func (f *FS) Prefix() string { return f.prefix }

// Err returns what kept a file from being read that the commit has and this clone has not.
func (f *FS) Err() error {
	f.blobs.mu.Lock()
	defer f.blobs.mu.Unlock()
	return f.blobs.lost
}

// Close ends the program that reads the files.
func (f *FS) Close() error { return f.blobs.close() }

// fill takes over what git ls-tree listed: mode, type, hash, tab, name; NUL. Sizes are not
// asked for: git would have to look at every object, also at those that nobody reads.
func (f *FS) fill(listing string) error {
	for record := range strings.SplitSeq(strings.TrimSuffix(listing, "\x00"), "\x00") {
		if record == "" {
			continue
		}
		meta, name, found := strings.Cut(record, "\t")
		fields := strings.Fields(meta)
		if !found || len(fields) != 3 || !fs.ValidPath(name) {
			return crontopus.Errorf(crontopus.CodeInvalid, "git lists a file that cannot be read: %q", record).
				WithHint("a path in Git is relative, without . and ..; look at the commit with git ls-tree")
		}
		if !f.add(name, &node{mode: modeOf(fields[0]), hash: fields[2]}) {
			return crontopus.Errorf(crontopus.CodeInvalid, "the commit has %q as a file and as a folder", name).
				WithHint("git fsck says which tree is broken")
		}
	}
	return nil
}

func modeOf(octal string) fs.FileMode {
	switch octal {
	case "120000":
		return fs.ModeSymlink | 0o777
	case "160000":
		return fs.ModeIrregular // a commit of another repository
	case "100755":
		return 0o755
	}
	return 0o644
}

func folderNode(name string) *node {
	return &node{name: name, mode: fs.ModeDir | 0o755, children: map[string]*node{}}
}

// add puts a file in its folder. It reports false where a broken tree has one name twice.
func (f *FS) add(name string, n *node) bool {
	at := f.root
	dir, base := path.Split(name)
	for part := range strings.SplitSeq(strings.TrimSuffix(dir, "/"), "/") {
		if part == "" {
			continue
		}
		next := at.children[part]
		if next == nil {
			next = folderNode(part)
			at.children[part] = next
		}
		if next.children == nil {
			return false
		}
		at = next
	}
	if at.children[base] != nil {
		return false
	}
	n.name = base
	at.children[base] = n
	return true
}

// command is git in a folder that may be a stranger's. What the repository's own settings
// name as the place of missing objects is a program to run (ext::), so nothing is fetched:
// older versions of git know only that no protocol is allowed. Nor is an object shown in
// the place of another: who fetches the commit does not get the replacement.
func command(ctx context.Context, folder string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...)
	cmd.Env = append(cmd.Environ(), "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_REPLACE_OBJECTS=1")
	return cmd
}

// git runs one command and returns what it printed, without the last line's break.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := command(ctx, folder, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", crontopus.Errorf(crontopus.CodeInvalid, "git cannot be started: %w", err).WithHint("install git")
	}
	var printed bytes.Buffer
	_, copyErr := printed.ReadFrom(&limited{bufio.NewReader(out), maxListing})
	if copyErr != nil {
		_ = cmd.Process.Kill() // it would wait for somebody to read on
	}
	if err := cmd.Wait(); err != nil && copyErr == nil {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimPrefix(first, "fatal: "))
	}
	return strings.TrimSuffix(printed.String(), "\n"), copyErr
}
