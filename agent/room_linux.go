package agent

import "golang.org/x/sys/unix"

// roomIn is how many blocks and files a folder's file system still has for who is not root. One
// that does not count files always has room for more.
func roomIn(dir string) (blocks, files uint64, known bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil || s.Blocks == 0 {
		return 0, 0, false
	}
	if s.Files == 0 {
		return s.Bavail, 1, true
	}
	return s.Bavail, s.Ffree, true
}
