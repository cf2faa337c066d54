package agent

import (
	"encoding/json"
	"os"

	"crontopus.dev/crontopus"
)

// WarmUp does what libraries do once in a process, when they are first used: a run is a process of its own,
// and pays it each time. Beside what the run begins with, it costs no time where there is a second
// processor: encoding/json looks at each type that it meets, and os starts a process to see how it can wait for one.
func WarmUp() {
	var job crontopus.Job
	_ = json.Unmarshal([]byte(`{"metadata":{},"spec":{"target":{},"run":{},"monitor":{}}}`), &job) // is thrown away
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Release()
	}
}
