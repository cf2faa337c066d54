// Command timed runs a program to its end, as often as it is told, and writes what each run
// took as JSON: wall time and CPU in milliseconds, and the most memory that it had resident in
// MiB. It stands between bench and the program because the system counts a parent's memory as
// its child's until the child has started; this parent is small.
//
//	timed [-n RUNS] [-exit CODE] PROGRAM [ARG…]
//
// What the program writes is thrown away. It imports the standard library only.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// run is what one run took.
type run struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
	RSS  float64 `json:"rss"`
}

func main() {
	n, exit := flag.Int("n", 1, "how many `runs`"), flag.Int("exit", 0, "the exit `code` that the program must have")
	flag.Parse()
	runs, err := measure(*n, *exit, flag.Args())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "timed:", err)
		os.Exit(1)
	}
}

func measure(n, exit int, argv []string) (runs []run, err error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("name a program")
	}
	for range n {
		cmd := exec.Command(argv[0], argv[1:]...)
		began := time.Now()
		err := cmd.Run()
		wall := time.Since(began)
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exit {
			return nil, fmt.Errorf("%v: exit code %d is wanted, not: %w", argv, exit, err)
		}
		used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		runs = append(runs, run{
			Wall: milliseconds(wall),
			CPU:  milliseconds(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()),
			RSS:  float64(used.Maxrss) / 1024,
		})
	}
	return runs, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
