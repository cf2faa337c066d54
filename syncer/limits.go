package syncer

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"time"

	"crontopus.dev/crontopus"
)

// FetchLimits bound what one fetch child may use; zero means the default. A repository
// that needs more is not fetched until a person, or a push, asks for it again.
type FetchLimits struct {
	Memory int64         `json:"memory"` // resident bytes; default 300 MiB
	CPU    time.Duration `json:"cpu"`    // default half of FetchTimeout
	Disk   int64         `json:"disk"`   // bytes of the mirror and of the one that replaces it; default 3 GiB
}

const (
	defaultDisk  = 3 << 30
	maxOpenFiles = 512
	watchMemory  = 25 * time.Millisecond
	watchDisk    = 10 // ticks of watchMemory
)

func (l FetchLimits) defaults(timeout time.Duration) FetchLimits {
	if l.Memory <= 0 {
		l.Memory = defaultMemory
	}
	if l.CPU <= 0 {
		l.CPU = max(timeout/2, time.Second)
	}
	if l.Disk <= 0 {
		l.Disk = defaultDisk
	}
	return l
}

// heap is what the child's collector aims at, and data what the kernel lets it have: the
// rest of Memory is the program itself.
func (l FetchLimits) heap() int64 { return l.Memory / 100 * 60 }
func (l FetchLimits) data() int64 { return l.Memory / 100 * 85 }

// mapped is when the parent stops the child though its memory is not filled yet: the kernel
// lets a single allocation of any size pass data, because Go has the addresses reserved.
func (l FetchLimits) mapped() int64 { return l.Memory / 100 * 95 }

// apply makes the kernel and the collector hold this process to the limits: they are faster
// than the parent, which looks only now and then.
func (l FetchLimits) apply() error {
	if l == (FetchLimits{}) {
		return nil
	}
	debug.SetMemoryLimit(l.heap())
	return l.tellKernel()
}

// The failures of a repository that needs more than it may have.

func (l FetchLimits) tooMuchMemory() *failure {
	return beyond("more than %s of memory", crontopus.Size(l.Memory))
}

func (l FetchLimits) tooMuchCPU() *failure {
	return beyond("more than %s of computing", crontopus.Duration(l.CPU))
}

func (l FetchLimits) tooMuchDisk() *failure {
	return beyond("more than %s on disk", crontopus.Size(l.Disk))
}

func beyond(format string, args ...any) *failure {
	f := stalled(crontopus.ReasonFetchFailed, format, args...)
	f.Message = "the fetch was stopped because the repository needs " + f.Message +
		"; keep large files out of its branch, or give the manifests a repository of their own, and sync again"
	return f
}

// fatalMemory is what a Go program says last when the kernel gives it no more: its runtime's
// words, or those of a new thread that found no stack.
var fatalMemory = regexp.MustCompile(`(?m)^(runtime|fatal error|runtime/cgo): .*(memory|map pages|mmap|create new OS thread|pthread_create)|\ASIGSEGV`)

// cause is the limit that ended a child, nil if it was none.
func (l FetchLimits) cause(state *os.ProcessState, said string) *failure {
	used := state.UserTime() + state.SystemTime()
	switch {
	case !state.Exited() && used >= l.CPU/10*9: // killed by the kernel, which counts in ticks
		return l.tooMuchCPU()
	case fatalMemory.MatchString(said):
		return l.tooMuchMemory()
	}
	return nil
}

// watch stops the child when it uses more memory or disk than it may. It returns when the
// child's context ends.
func (c *fetchChild) watch() {
	tick := time.NewTicker(watchMemory)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		peak, mapped := memoryOf(c.cmd.Process.Pid)
		c.peak.Store(max(peak, c.peak.Load()))
		switch {
		case peak > c.limits.Memory || mapped > c.limits.mapped():
			c.cancel(c.limits.tooMuchMemory())
		case n%watchDisk == 0 && folderSize(c.mirror)+folderSize(replacement(c.mirror)) > c.limits.Disk:
			c.cancel(c.limits.tooMuchDisk())
		}
	}
}

// folderSize is the size of the files below dir, as far as they can be seen.
func folderSize(dir string) (bytes int64) {
	// It returns no error: what is gone or closed to us is not counted.
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil // files come and go
	})
	return bytes
}

// replacement is the folder in which a fresh mirror grows until it takes the old one's place.
func replacement(mirror string) string { return mirror + ".new" }

// clean removes what a fetch that was stopped leaves behind; after a breach the mirror
// itself too, which is a cache.
func clean(mirror string, breach bool) {
	_ = os.RemoveAll(replacement(mirror)) // the next fetch tries again, and says so if it cannot
	if breach {
		_ = os.RemoveAll(mirror) // likewise
	}
}
