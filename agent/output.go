package agent

import (
	"io"
	"maps"
	"slices"
	"sync"

	"crontopus.dev/crontopus"
)

// tail keeps the last bytes that were written to it, in memory that does not grow with
// the output. Several writers may use it at once.
type tail struct {
	max int

	mu  sync.Mutex
	buf []byte // at most twice max
}

func newTail(max int) *tail { return &tail{max: max} }

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, last(p, t.max)...)
	if len(t.buf) > 2*t.max {
		t.buf = append(t.buf[:0], last(t.buf, t.max)...)
	}
	return len(p), nil
}

// Bytes returns a copy of the last max bytes.
func (t *tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), last(t.buf, t.max)...)
}

func last(p []byte, n int) []byte { return p[max(0, len(p)-n):] }

// capture is where a job's output goes: the tail that is reported, and the scheduler if
// run.passthrough asks for that.
type capture struct {
	last           *tail
	stdout, stderr *stream // the same one, unless they are to stay apart
}

func newCapture(spec *crontopus.RunSpec, secrets map[string]string, stdout, stderr io.Writer) *capture {
	c := &capture{last: newTail(int(*spec.CaptureOutput))}
	if spec.Passthrough {
		c.stdout, c.stderr = newStream(secrets, c.last, stdout), newStream(secrets, c.last, stderr)
	} else if c.last.max > 0 {
		c.stdout = newStream(secrets, c.last)
		c.stderr = c.stdout
	}
	return c
}

// tail returns what is reported, once nobody writes any more.
func (c *capture) tail() []byte {
	if c.stdout != nil {
		c.stdout.close()
		c.stderr.close()
	}
	return c.last.Bytes()
}

// stream is one output of a child on its way, with secrets masked.
type stream struct {
	masker *masker
	to     []io.Writer
}

func newStream(secrets map[string]string, to ...io.Writer) *stream {
	return &stream{masker: newMasker(slices.Collect(maps.Values(secrets))), to: to}
}

// drain reads the child's pipe to its end, with a small buffer, since a thousand children
// may run at once.
func (s *stream) drain(r io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		s.emit(s.masker.mask(buf[:n]))
		if err != nil {
			return
		}
	}
}

// close lets go of what was held back because it might have been the start of a secret.
func (s *stream) close() { s.emit(s.masker.rest()) }

// emit does not mind errors: a job must not die of a scheduler that stopped listening.
func (s *stream) emit(p []byte) {
	if len(p) == 0 {
		return
	}
	for _, w := range s.to {
		_, _ = w.Write(p)
	}
}
