//go:build unix

package agent

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"crontopus.dev/crontopus"
)

// listen makes the context end, with errReplaced, when somebody asks for the job's place.
func (s State) listen(ctx context.Context, job crontopus.JobName) (_ context.Context, deafen func(), err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop, err := hear(s.askFile(job), func() { cancel(errReplaced) })
	if err != nil {
		cancel(err)
		return nil, nil, err
	}
	return ctx, func() { stop(); cancel(nil) }, nil
}

// ask tells who has the job's place that it is wanted, and reports whether anybody listens.
func (s State) ask(job crontopus.JobName) bool { return ring(s.askFile(job)) }

func (s State) askFile(job crontopus.JobName) string { return s.placeFile(job) + ".ask" }

// OnBell calls heard when a run has put something into the spool, until stop is called.
func (s State) OnBell(heard func()) (stop func(), err error) { return hear(s.bellFile(), heard) }

// Ring tells the daemon that there is something in the spool, and reports whether there is
// one: then a run need not deliver by itself.
func (s State) Ring() bool { return ring(s.bellFile()) }

// OnLoss calls heard when a run could not keep a check-in, with what it says of it, until stop is called.
func (s State) OnLoss(heard func(why string)) (stop func(), err error) {
	return listenAt(s.lossFile(), func(pipe io.Reader) {
		for lines := bufio.NewReader(pipe); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			heard(strings.TrimSuffix(line, "\n"))
		}
	})
}

// longestLoss bounds what is said of a loss: a pipe takes so much as one piece.
const longestLoss = 1000

// Lose tells the daemon of a check-in that could not be kept, and reports whether there is one. A
// pipe needs no room on the disk that has none.
func (s State) Lose(why string) bool {
	why = strings.ReplaceAll(why[:min(len(why), longestLoss)], "\n", " ")
	return tell(s.lossFile(), strings.ToValidUTF8(why, "")+"\n")
}

// hear calls heard, once or more often, when somebody rings at the path.
func hear(path string, heard func()) (deafen func(), err error) {
	return listenAt(path, func(pipe io.Reader) {
		buf := make([]byte, 64)
		for {
			n, err := pipe.Read(buf)
			if n == 0 || err != nil {
				return
			}
			heard()
		}
	})
}

// listenAt has read read from a pipe at the path until deafen is called.
func listenAt(path string, read func(io.Reader)) (deafen func(), err error) {
	if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot make the pipe %s: %w", path, err)
	}
	// Opened for both, it neither waits for who writes nor ends when that one goes.
	pipe, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeUnavailable, "cannot listen at a pipe: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(pipe)
	}()
	return func() {
		_ = pipe.Close() // which is what ends the reading
		<-done
	}, nil
}

// ring reports whether anybody hears it.
func ring(path string) bool { return tell(path, "!") }

// tell reports whether anybody hears it. It does not wait, also where so much was told that
// the pipe is full: who hears will see to it.
func tell(path, what string) bool {
	pipe, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_, err = unix.Write(pipe, []byte(what))
	_ = unix.Close(pipe) // it is written whole, or not at all
	return err == nil || errors.Is(err, unix.EAGAIN)
}

// stopReason says why a run's context has ended.
func stopReason(ctx context.Context) whyNot {
	if errors.Is(context.Cause(ctx), errReplaced) {
		return whyNot{crontopus.ReasonReplaced, errReplaced.Error()}
	}
	return whyNot{crontopus.ReasonAgentStopped, "it was stopped together with the agent that ran it"}
}
