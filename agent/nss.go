package agent

import (
	"context"
	"errors"
	"os/exec"
	"os/user"
	"strings"
	"sync"
	"time"
)

// nssTime is how long a directory of users may take to answer.
const nssTime = 10 * time.Second

// lookUpUser finds a user, and the ids of the groups that a login would give it. A program that is
// built without the C library knows those in /etc/passwd only: getent(1) and id(1) know all whom
// nsswitch.conf(5) lets the host know, such as those of LDAP. It returns a
// user.UnknownUserError for nobody.
func lookUpUser(name string) (u *user.User, groups []string, err error) {
	u, err = user.Lookup(name)
	if err == nil {
		groups, err = u.GroupIds()
		return u, groups, err
	}
	if !errors.As(err, new(user.UnknownUserError)) {
		return nil, nil, err
	}
	return nssUser(name)
}

// userOnce finds users as lookUpUser does, each of them once: those of a thousand jobs are few.
func userOnce() func(name string) (*user.User, error) {
	var known sync.Map
	return func(name string) (*user.User, error) {
		if u, ok := known.Load(name); ok {
			return u.(*user.User), nil
		}
		u, _, err := lookUpUser(name)
		if err == nil {
			known.Store(name, u)
		}
		return u, err
	}
}

// lookUpUserID is lookUpUser by number, without the groups.
func lookUpUserID(id string) (*user.User, error) {
	u, err := user.LookupId(id)
	if !errors.As(err, new(user.UnknownUserIdError)) {
		return u, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), nssTime)
	defer cancel()
	if u := getent(ctx, id); u != nil && u.Uid == id {
		return u, nil
	}
	return nil, err
}

// nssUser is lookUpUser by the host's own programs.
func nssUser(name string) (u *user.User, groups []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), nssTime)
	defer cancel()
	if u = getent(ctx, name); u == nil || u.Username != name {
		return nil, nil, user.UnknownUserError(name)
	}
	ids, err := exec.CommandContext(ctx, "id", "-G", "--", name).Output()
	return u, strings.Fields(string(ids)), err
}

// getent finds a user by name or number, nil where there is none, or no such program.
func getent(ctx context.Context, key string) *user.User {
	line, err := exec.CommandContext(ctx, "getent", "passwd", "--", key).Output()
	field := strings.Split(strings.TrimSuffix(string(line), "\n"), ":") // passwd(5)
	if err != nil || len(field) != 7 {
		return nil
	}
	return &user.User{Username: field[0], Uid: field[2], Gid: field[3], Name: field[4], HomeDir: field[5]}
}
