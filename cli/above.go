package cli

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// above finds the Defaults that hold in a folder of which not everything above is read.
// shown makes the path of a file in it as the user would write it.
func (v *validation) above(folder string, shown func(base string) string) (*manifests.Scope, error) {
	if known, ok := v.scopes[folder]; ok {
		return known, nil
	}
	fsys, root, name, err := v.rooted(folder)
	if err != nil {
		return nil, err
	}
	scope, problems, err := manifests.Above(fsys, name, func(found string) string {
		if path.Dir(found) == name {
			return shown(path.Base(found))
		}
		way, err := filepath.Rel(folder, filepath.Join(root, filepath.FromSlash(found)))
		if err != nil {
			return found
		}
		return filepath.Join(filepath.FromSlash(shown("")), way)
	})
	if err != nil {
		return nil, cannotRead(folder, err)
	}
	v.tree.Problems = append(v.tree.Problems, problems...)
	if v.scopes == nil {
		v.scopes = map[string]*manifests.Scope{}
	}
	v.scopes[folder] = scope
	return scope, nil
}

// aboveFile is the scope of a file that the user names.
func (v *validation) aboveFile(arg string) (*manifests.Scope, error) {
	folder, err := v.whole(filepath.Dir(arg))
	if err != nil {
		return nil, err
	}
	given := strings.TrimSuffix(arg, filepath.Base(arg))
	return v.above(folder, func(base string) string { return given + base })
}

// aboveFolder is the scope that a folder which the user names lies in.
func (v *validation) aboveFolder(arg string) (*manifests.Scope, error) {
	folder, err := v.whole(arg)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(folder)
	_, root, _, err := v.rooted(folder)
	if err != nil || root == folder || parent == folder {
		return nil, err
	}
	return v.above(parent, func(base string) string { return filepath.Join(arg, "..", base) })
}

// whole is the whole path of what the user names; in a commit, the one from its root.
func (v *validation) whole(arg string) (string, error) {
	if v.commit == nil {
		return filepath.Abs(arg)
	}
	from, err := filepath.Abs(v.at)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(arg)
	if err != nil {
		return "", err
	}
	way, err := filepath.Rel(from, to)
	return "/" + path.Join(v.commit.Prefix(), filepath.ToSlash(way)), err
}

// askedFrom returns the folder to ask git from about one that the user names: the current
// one, unless the other lies in a repository that the current one does not lie in.
func askedFrom(folder string) string {
	here, errHere := filepath.Abs(".")
	there, errThere := filepath.Abs(folder)
	root := repositoryOf(there)
	if errHere != nil || errThere != nil || root == "" || root == repositoryOf(here) {
		return "."
	}
	return root
}

// rooted returns the root that Defaults are looked for from, and a folder's name in it: what
// --root says, else the repository, else the current folder. A folder that is in none of
// them is its own root.
func (v *validation) rooted(folder string) (fsys fs.FS, root, name string, err error) {
	root = "/"
	if v.commit == nil {
		root = repositoryOf(folder)
	}
	switch here, err := v.whole("."); {
	case err != nil:
		return nil, "", "", err
	case v.root != "":
		if root, err = v.whole(v.root); err != nil {
			return nil, "", "", err
		}
	case root == "":
		root = here
	}
	way, err := filepath.Rel(root, folder)
	if outside := err != nil || way == ".." || strings.HasPrefix(way, ".."+string(filepath.Separator)); outside && v.root != "" {
		return nil, "", "", crontopus.Errorf(crontopus.CodeInvalid, "%s does not lie below --root %s", folder, v.root).
			WithHint("--root is the folder that the source reads; name it, or what lies below it")
	} else if outside {
		root, way = folder, "."
	}
	if v.commit == nil {
		return os.DirFS(root), root, filepath.ToSlash(way), nil
	}
	fsys, err = fs.Sub(v.commit, path.Join(".", strings.TrimPrefix(root, "/")))
	return fsys, root, way, err
}

// repositoryOf returns the root of the Git repository that a folder lies in, and nothing if
// it lies in none.
func repositoryOf(folder string) string {
	for {
		if _, err := os.Lstat(filepath.Join(folder, ".git")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}
