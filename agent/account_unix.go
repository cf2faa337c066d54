//go:build unix

package agent

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"crontopus.dev/crontopus"
)

// account is whom a job runs as.
type account struct {
	name, home string
	uid, gid   int
	credential *syscall.Credential // nil for the agent's own user
}

// lookUpAccount finds a user and the groups that a login would give it; "" is the
// agent's own.
func lookUpAccount(name string) (account, error) {
	own := os.Geteuid()
	if name == "" {
		u, err := lookUpUserID(strconv.Itoa(own))
		if err != nil { // a container's user need not be in /etc/passwd
			return account{name: strconv.Itoa(own), home: "/", uid: own, gid: os.Getegid()}, nil
		}
		name = u.Username
	}
	u, groups, err := lookUpUser(name)
	if errors.As(err, new(user.UnknownUserError)) {
		return account{}, because(crontopus.ReasonUserMissing, crontopus.Errorf(crontopus.CodeNotFound, "there is no user %s on this host", name).
			WithHint("make the user, or name another one in run.user"))
	}
	if err != nil {
		return account{}, crontopus.Errorf(crontopus.CodeUnavailable, "cannot look up the user %s: %w", name, err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return account{}, crontopus.Errorf(crontopus.CodeInvalid, "the user %s has no numeric ids: %w", name, err)
	}
	a := account{name: name, home: u.HomeDir, uid: int(uid), gid: int(gid)}
	if a.uid == own {
		return a, nil
	}
	if own != 0 {
		return account{}, crontopus.Errorf(crontopus.CodeForbidden, "the job is to run as %s, and this agent is not root", name).
			WithHint("run the agent as root or as %s, or leave run.user out", name)
	}
	a.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, id := range groups {
		if group, err := strconv.ParseUint(id, 10, 32); err == nil {
			a.credential.Groups = append(a.credential.Groups, uint32(group))
		}
	}
	return a, nil
}

// environment is what the job sees: what cron would give it, what the manifest says, its
// secrets, and who it is.
func environment(r *run, who account, secrets map[string]string) []string {
	vars := map[string]string{
		"PATH": "/usr/bin:/bin", "HOME": who.home, "SHELL": crontopus.DefaultShell,
		"USER": who.name, "LOGNAME": who.name,
	}
	set := func(from map[string]string) {
		for name, value := range from {
			vars[name] = value
		}
	}
	set(r.job.Spec.Run.Environment)
	set(secrets)
	set(map[string]string{"CRONTOPUS_JOB": r.job.Name().String(), "CRONTOPUS_RUN_ID": r.id})
	delete(vars, "CRONTOPUS_SCHEDULED_FOR")
	if !r.due.IsZero() {
		vars["CRONTOPUS_SCHEDULED_FOR"] = r.due.UTC().Format(time.RFC3339)
	}
	env := make([]string, 0, len(vars))
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	return env
}

// workingDirectory is the one that the job names, which must be there; else the user's home,
// or the root folder for users who have none.
func workingDirectory(spec *crontopus.RunSpec, who account) (string, error) {
	if spec.WorkingDirectory == "" {
		if info, err := os.Stat(who.home); err != nil || !info.IsDir() {
			return "/", nil
		}
		return who.home, nil
	}
	info, err := os.Stat(spec.WorkingDirectory)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return "", because(crontopus.ReasonFolderMissing, crontopus.Errorf(crontopus.CodeNotFound, "the job's working directory cannot be used: %w", err).
			WithHint("make %s on this host, or correct run.workingDirectory", spec.WorkingDirectory))
	}
	return spec.WorkingDirectory, nil
}

// lookPath finds a program along the job's own PATH, not the agent's.
func lookPath(program string, env []string) (string, error) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	for _, variable := range env {
		path, isPath := strings.CutPrefix(variable, "PATH=")
		if !isPath {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			if !filepath.IsAbs(dir) {
				continue
			}
			if found, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
				return found, nil
			}
		}
	}
	return "", because(crontopus.ReasonCommandMissing, crontopus.Errorf(crontopus.CodeNotFound, "there is no program %s in the job's PATH", program).
		WithHint("write the program's whole path, or set PATH in run.environment"))
}

// scriptPath is where the shell finds the script: the first file it inherits.
const scriptPath = "/dev/fd/3"

// scriptFile holds a script for the shell to read. It has no name, so nobody else can change it
// and nothing is left behind; unlike `sh -c` it has no limit of length, does not show in
// the list of processes, and leaves standard input alone.
func scriptFile(dir, script string, who account) (f *os.File, err error) {
	f, err = os.CreateTemp(dir, ".script-*")
	if err == nil {
		err = errors.Join(os.Remove(f.Name()), f.Chmod(fs.FileMode(0o400)), f.Chown(who.uid, who.gid))
		if err == nil {
			_, err = f.WriteString(script)
		}
		if err == nil {
			_, err = f.Seek(0, 0)
		}
		if err != nil {
			f.Close()
		}
	}
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot hand over the job's script: %w", err)
	}
	return f, nil
}
