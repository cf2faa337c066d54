package crontopus

import "strings"

// ValidBranch reports whether Git lets a branch have the name, as git check-ref-format does, and
// git branch makes one of it: not of HEAD, nor of what looks like an option.
func ValidBranch(name string) bool {
	if name == "" || name == "HEAD" || name[0] == '-' || strings.HasSuffix(name, ".") {
		return false
	}
	if strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.ContainsAny(name, " ~^:?*[\\\x7f") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' })
}
