//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// On says that this program can be killed at its failpoints.
const On = true

// Do reaches the point before-CALL of a seam, "file:rename" being a seam and a call, and
// makes the call.
func Do(name, subject string, do func() error) error {
	seam, call, _ := strings.Cut(name, ":")
	Reach(seam+":before-"+call, subject)
	return do()
}

// Reach kills this process if that is what the environment asks for at this point, and
// records the point if a record is kept. The subject is what the next call is about.
func Reach(point, subject string) {
	plan := plan()
	if plan.record == "" && plan.point == "" {
		return
	}
	chain := callers()
	if plan.record != "" {
		write(plan.record, point, subject, chain)
	}
	if point == plan.point && slices.Contains(chain, plan.function) && plan.hit() {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			panic(err)
		}
		select {} // until the signal is delivered
	}
}

// order is what the environment asks for.
type order struct {
	record          string
	point, function string

	mu   sync.Mutex
	left int
}

var plan = sync.OnceValue(func() *order {
	o := &order{record: os.Getenv("FAILPOINT_RECORD")}
	if kill := os.Getenv("FAILPOINT_KILL"); kill != "" {
		parts := regexp.MustCompile(`^([^@]+)@(.+)#([1-9][0-9]*)$`).FindStringSubmatch(kill)
		if parts == nil {
			panic("FAILPOINT_KILL is not POINT@FUNCTION#N: " + kill)
		}
		o.point, o.function = parts[1], parts[2]
		o.left, _ = strconv.Atoi(parts[3]) // digits
	}
	return o
})

// hit counts, and reports whether this is the one.
func (o *order) hit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left--
	return o.left == 0
}

const module = "crontopus.dev/crontopus/"

// closure is what the compiler adds to a function's name for a function within it.
var closure = regexp.MustCompile(`(\.func\d+|\.\d+|\.gowrap\d+|-range\d+|-fm)+$`)

// callers are the functions of this module on the stack, innermost first, without the seams'.
func callers() []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var chain []string
	for {
		frame, more := frames.Next()
		name, ours := strings.CutPrefix(frame.Function, module)
		name = closure.ReplaceAllString(name, "")
		if ours && !strings.HasPrefix(name, "internal/atomicfile.") && !slices.Contains(chain, name) {
			chain = append(chain, name)
		}
		if !more {
			return chain
		}
	}
}

// write appends a line, in one call, since several processes may keep one record.
func write(record, point, subject string, chain []string) {
	f, err := os.OpenFile(record, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s\t%s\t%s\n", point, subject, strings.Join(chain, " "))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		panic(err)
	}
}
