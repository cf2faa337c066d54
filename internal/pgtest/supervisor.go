package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// supervisor makes the cluster and runs the server until its standard input ends, however
// the test binary ends. A line that it reads is a signal for the server, or start; or fill or
// free, for a disk of its own. Ctrl-C is for the test binary; the supervisor tidies up after it.
const supervisor = `
trap '' INT
bin=$1 dir=$2
shift 2
cd "$dir" || exit
"$bin/initdb" -D data -U postgres -A trust --no-sync --locale-provider=icu --icu-locale=en -E UTF8 >&2 || exit
{
	echo fsync=off
	echo crontopus.throw_away=on
	echo max_connections=400
	echo "listen_addresses=''"
	for setting; do echo "${setting%%=*} = '${setting#*=}'"; done
} >>data/postgresql.conf
start() { "$bin/postgres" -D data -k "$dir" 2>&1 & }
stop() { kill -"$1" $! 2>/dev/null; wait $!; }
start
while read -r command; do
	case $command in
	start) start ;;
	fill)
		dd if=/dev/zero of=ballast bs=1M 2>/dev/null
		dd if=/dev/zero of=rest bs=512 2>/dev/null
		echo filled
		;;
	free) rm -f ballast rest; echo freed ;;
	*) stop "$command"; echo stopped ;;
	esac
done
stop INT
rm -rf "$dir"/*
`

// What the supervisor or the server says when a command was carried out.
const (
	saysReady   = "database system is ready to accept"
	saysStopped = "stopped"
	saysFilled  = "filled"
	saysFreed   = "freed"
)

// supervise runs the supervisor and waits until the server is ready.
func (c *Cluster) supervise(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	c.lifeline, c.ended, c.said = lifeline, make(chan error, 1), make(chan string, 100)
	told := make(chan string, 1)
	go func() {
		told <- c.listen(output)
		c.ended <- cmd.Wait()
	}()
	if <-c.said == saysReady {
		return nil
	}
	return errors.Join(<-c.ended, fmt.Errorf("PostgreSQL did not start:\n%s", <-told))
}

// listen reads what the server says until it ends, and returns its beginning.
func (c *Cluster) listen(output io.Reader) string {
	defer close(c.said)
	var told []string
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		for _, event := range []string{saysReady, saysStopped, saysFilled, saysFreed} {
			if line == event || strings.Contains(line, ":  "+event) { // ready: with or without read-only
				select {
				case c.said <- event:
				default: // nobody waits: it restarts over and over by itself
				}
			}
		}
		if len(told) < 100 {
			told = append(told, line)
		}
	}
	return strings.Join(told, "\n")
}
