package crontopus

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// SourceLimits bound what the jobs of a source can reach. What is empty is not limited.
type SourceLimits struct {
	Namespaces []string          `json:"namespaces,omitempty"` // names, in which * and ? stand for any characters
	Labels     map[string]string `json:"labels,omitempty"`     // every job's target must name all of them
	Users      []string          `json:"users,omitempty"`      // every job must name one of them
	MaxEntries int               `json:"maxEntries,omitempty"` // jobs × hosts
}

// IsZero reports whether nothing is limited.
func (l SourceLimits) IsZero() bool {
	return len(l.Namespaces) == 0 && len(l.Labels) == 0 && len(l.Users) == 0 && l.MaxEntries == 0
}

// maxLimitItems bounds each list of a limit: it is written by hand.
const maxLimitItems = 100

// Check refuses limits that no job could be within, or that would not bound anything.
func (l SourceLimits) Check() error {
	for _, list := range [][]string{l.Namespaces, l.Users, slices.Collect(maps.Keys(l.Labels))} {
		if len(list) > maxLimitItems {
			return Errorf(CodeInvalid, "a limit names at most %d things", maxLimitItems)
		}
	}
	for _, pattern := range l.Namespaces {
		if !validLabel(strings.NewReplacer("*", "a", "?", "a").Replace(pattern)) {
			return Errorf(CodeInvalid, "%q is no namespace, nor a pattern of one", pattern).WithHint("write a name, such as team-a, or a pattern, such as 'team-*'")
		}
	}
	for key, value := range l.Labels {
		if key == "" || value == "" || strings.HasPrefix(key, FactPrefix) || !plainText(key+value) {
			return Errorf(CodeInvalid, "the label %s=%s cannot limit a source", key, value).
				WithHint("write KEY=VALUE of a label that an operator gave to the hosts; what begins with %s they say of themselves", FactPrefix)
		}
	}
	for _, user := range l.Users {
		if user == "" || !plainText(user) || strings.ContainsAny(user, " :/") {
			return Errorf(CodeInvalid, "%q is not the name of a user", user)
		}
	}
	if l.MaxEntries < 0 {
		return Errorf(CodeInvalid, "a source cannot have %d entries", l.MaxEntries).WithHint("write a number above 0; 0 is no limit")
	}
	return nil
}

// plainText reports whether s is short and prints on one line.
func plainText(s string) bool {
	return len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' })
}

// Namespace reports whether a job may be in the namespace.
func (l SourceLimits) Namespace(name string) bool {
	return len(l.Namespaces) == 0 || slices.ContainsFunc(l.Namespaces, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// Target reports whether a job may have the target. One that names hosts, or all of them, says
// nothing of labels, so it is beyond any limit of labels; one without any host is beyond none.
func (l SourceLimits) Target(t Target) bool {
	if t.Ping {
		return true
	}
	for key, value := range l.Labels {
		if got, ok := t.Labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// User reports whether a job may run as the user. The agent's own, which a job gets that
// names none, differs by host, so it counts as no name.
func (l SourceLimits) User(name string) bool {
	return len(l.Users) == 0 || name != "" && slices.Contains(l.Users, name)
}

// Entries reports whether the source may have so many.
func (l SourceLimits) Entries(n int) bool { return l.MaxEntries == 0 || n <= l.MaxEntries }

// Digest tells limits apart; that of none is empty.
func (l SourceLimits) Digest() string {
	if l.IsZero() {
		return ""
	}
	return digest(l)
}
