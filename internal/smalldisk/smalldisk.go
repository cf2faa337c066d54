// Package smalldisk lets a test run a program on a disk of its own that can be full.
//
// It knows nothing of jobs and imports the standard library only.
package smalldisk

import "os"

// Command is what to put before a command so that it sees a file system of its own at the
// folder dir: in memory, as large as mount is told (16m), and gone when the command ends.
// Others see it below /proc/PID/root. It takes root, or a kernel that lets users have
// namespaces.
func Command(size, dir string) []string {
	own := []string{"unshare", "--mount", "--propagation", "private"}
	if os.Geteuid() != 0 {
		own = append(own, "--user", "--map-current-user", "--keep-caps")
	}
	const mount = `size=$1 dir=$2; shift 2; mount -t tmpfs -o "size=$size,mode=0777" small "$dir" && exec "$@"`
	return append(own, "sh", "-c", mount, "sh", size, dir)
}
