package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests/importer"
)

// Where a host keeps what can be imported, without the first slash.
const (
	systemCrontab = "etc/crontab"
	cronFolder    = "etc/cron.d"
)

var (
	spools      = []string{"var/spool/cron/crontabs", "var/spool/cron"} // Debian's, and others'
	unitFolders = []string{"etc/systemd/system", "usr/local/lib/systemd/system"}
)

// hostInputs reads what this host's own schedulers hold.
func hostInputs(ctx context.Context, format, owner string) ([]importer.Input, error) {
	root := os.DirFS("/")
	var inputs []importer.Input
	var err error
	switch format {
	case importer.Crontab:
		if inputs, err = systemCrontabs(root); err != nil {
			return nil, err
		}
		var users []importer.Input
		if os.Geteuid() == 0 && owner == "" {
			users, err = userCrontabs(root)
		} else {
			users, err = ownCrontab(ctx, owner)
		}
		inputs = append(inputs, users...)
	case importer.CronD:
		inputs, err = systemCrontabs(root)
	case importer.Systemd:
		inputs, err = unitFiles(root)
	default:
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "no FILE is named, and a host holds no jobs of %s", format).
			WithHint("%s", map[string]string{
				importer.TaskScheduler: "on the Windows host, run schtasks /query /xml > tasks.xml, and name that file",
				importer.Healthchecks:  "save what GET /api/v3/checks/ answers, and name that file",
				importer.Kubernetes:    "run kubectl get cronjobs -A -o json > cronjobs.json, and name that file",
			}[format])
	}
	if err == nil && len(inputs) == 0 {
		err = crontopus.Errorf(crontopus.CodeNotFound, "this host has nothing that could be imported from %s", format).
			WithHint("name the files")
	}
	return inputs, err
}

// crontabName is what Debian's cron asks of a file in /etc/cron.d: it passes all others over.
func crontabName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func systemCrontabs(root fs.FS) ([]importer.Input, error) {
	var inputs []importer.Input
	if data, err := fs.ReadFile(root, systemCrontab); err == nil {
		inputs = append(inputs, importer.Input{Name: "/" + systemCrontab, Data: data, Users: true})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, cannotRead("/"+systemCrontab, err)
	}
	more, err := readFolder(root, cronFolder, "/"+cronFolder, crontabName)
	for i := range more {
		more[i].Users = true
	}
	return append(inputs, more...), err
}

// userCrontabs reads the crontabs of all users, which root may.
func userCrontabs(root fs.FS) ([]importer.Input, error) {
	for _, spool := range spools {
		found, err := readFolder(root, spool, "/"+spool, func(name string) bool { return !strings.HasPrefix(name, "tmp.") })
		if err != nil || len(found) > 0 {
			for i := range found {
				found[i].Owner = path.Base(found[i].Name)
			}
			return found, err
		}
	}
	return nil, nil
}

// ownCrontab asks crontab(1), which alone may read it.
func ownCrontab(ctx context.Context, owner string) ([]importer.Input, error) {
	args := []string{"-l"}
	if owner != "" {
		args = append(args, "-u", owner)
	} else if me, err := user.Current(); err == nil {
		owner = me.Username
	}
	out, err := exec.CommandContext(ctx, "crontab", args...).Output()
	if exit, isExit := errors.AsType[*exec.ExitError](err); isExit && strings.Contains(string(exit.Stderr), "no crontab for") || errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, cannotRead("the crontab of "+owner, err)
	}
	return []importer.Input{{Name: "crontab of " + owner, Data: out, Owner: owner}}, nil
}

func unitFiles(root fs.FS) ([]importer.Input, error) {
	var inputs []importer.Input
	for _, folder := range unitFolders {
		found, err := readUnits(root, folder, "/"+folder)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, nil
}

// readUnits reads the units of a folder, and what the folders beside them add.
func readUnits(fsys fs.FS, folder, shown string) ([]importer.Input, error) {
	inputs, err := readFolder(fsys, folder, shown, isUnit)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(fsys, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		name, isDropIn := strings.CutSuffix(entry.Name(), ".d")
		if !entry.IsDir() || !isDropIn || !isUnit(name) {
			continue
		}
		found, err := readFolder(fsys, path.Join(folder, entry.Name()), under(shown, entry.Name()), func(name string) bool { return path.Ext(name) == ".conf" })
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, err
}

func isUnit(name string) bool {
	return slices.Contains([]string{".timer", ".service"}, path.Ext(name))
}

// folderInputs reads the files of a folder that an argument names.
func folderInputs(folder fs.FS, name, format string) ([]importer.Input, error) {
	takes := func(string) bool { return true }
	switch format {
	case importer.CronD, importer.Crontab:
		takes = crontabName
	}
	found, err := readFolder(folder, ".", name, takes)
	if format == importer.Systemd {
		found, err = readUnits(folder, ".", name)
	}
	if err == nil && len(found) == 0 {
		err = crontopus.Errorf(crontopus.CodeInvalid, "%s has no file that can be imported from %s", name, format).WithHint("name the files")
	}
	return found, err
}

// readFolder reads the regular files of a folder whose names are taken; a folder that is not
// there has none. Links are followed, as cron and systemd do.
func readFolder(fsys fs.FS, folder, shown string, takes func(string) bool) ([]importer.Input, error) {
	entries, err := fs.ReadDir(fsys, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, cannotRead(shown, err)
	}
	var inputs []importer.Input
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		info, err := fs.Stat(fsys, name)
		if strings.HasPrefix(entry.Name(), ".") || !takes(entry.Name()) || err != nil || !info.Mode().IsRegular() {
			continue
		}
		f, err := fsys.Open(name)
		if err != nil {
			return nil, cannotRead(under(shown, entry.Name()), err)
		}
		data, err := readBounded(f)
		f.Close()
		if err != nil {
			return nil, cannotRead(under(shown, entry.Name()), err)
		}
		inputs = append(inputs, importer.Input{Name: under(shown, entry.Name()), Data: data})
	}
	return inputs, nil
}

// placed says of a crontab what follows from where it lies on a host.
func placed(in importer.Input, abs string) importer.Input {
	folder := strings.TrimPrefix(path.Dir(abs), "/")
	switch {
	case abs == "/"+systemCrontab || folder == cronFolder:
		in.Users = true
	case slices.Contains(spools, folder) && in.Owner == "":
		in.Owner = path.Base(abs)
	}
	return in
}
