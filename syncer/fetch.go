package syncer

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crontopus.dev/crontopus"
)

// childEnvironment is what a fetch child inherits: what it takes to run git for file://
// sources and to find certificates. Neither secrets nor proxies pass.
var childEnvironment = []string{"PATH", "HOME", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT", "GOCOVERDIR"}

// stopPatience is how long a killed child's pipes may stay open, held by a git of its own.
const stopPatience = 2 * time.Second

// fetcher starts fetch children.
type fetcher struct {
	command []string
	timeout time.Duration
	limits  FetchLimits
	known   *listings
	log     *slog.Logger
	spare   spare
}

// fetchChild is one running child. Its methods are for one goroutine.
type fetchChild struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr tail
	limits FetchLimits
	ctx    context.Context // ends with a limit; the process dies with it
	cancel context.CancelCauseFunc
	mirror string
	log    *slog.Logger

	unasked  error        // why the request did not reach it
	peak     atomic.Int64 // bytes of memory, as far as it was seen
	breached bool         // a limit: the mirror is not worth keeping
}

// errTooSlow is the cause of a fetch context that ended by its time limit.
var errTooSlow = errors.New("syncer: the fetch took too long")

// start has a child fetch and returns what it lists. The caller closes the child.
func (f *fetcher) start(ctx context.Context, q fetchRequest) (*fetchChild, *listing, error) {
	q.Limits = f.limits
	base := f.known.of(q)
	q.Known = base != nil
	c, err := f.ask(ctx, q)
	if err != nil {
		return nil, nil, transient("cannot start the fetch child: %s", err)
	}
	unlink := context.AfterFunc(ctx, func() { c.cancel(context.Cause(ctx)) })
	slow := time.AfterFunc(f.timeout, func() { c.cancel(errTooSlow) })
	context.AfterFunc(c.ctx, func() { unlink(); slow.Stop() })
	c.mirror = q.Mirror
	go c.watch()
	l, err := c.list(base)
	if err != nil {
		err = c.explain(err, f.timeout)
		c.close()
		return nil, nil, err
	}
	f.known.add(q, l)
	return c, l, nil
}

// ask hands the request to a child, one that waits for it if there is one.
func (f *fetcher) ask(ctx context.Context, q fetchRequest) (*fetchChild, error) {
	if c := f.spare.take(); c != nil {
		if writeJSON(c.in, kindRequest, q) == nil {
			return c, nil
		}
		c.close() // it ended while it waited
	}
	c, err := f.spawn(ctx)
	if err == nil {
		c.unasked = writeJSON(c.in, kindRequest, q)
	}
	return c, err
}

// spawn starts a child, which waits for its request and does not end with ctx.
func (f *fetcher) spawn(ctx context.Context) (*fetchChild, error) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	c := &fetchChild{ctx: ctx, cancel: cancel, limits: f.limits, log: f.log}
	if err := c.run(f.command); err != nil {
		cancel(nil)
		return nil, err
	}
	return c, nil
}

func (c *fetchChild) run(argv []string) (err error) {
	c.cmd = exec.CommandContext(c.ctx, argv[0], argv[1:]...) //nolint:gosec // the operator's own command
	for _, name := range childEnvironment {
		if value, ok := os.LookupEnv(name); ok {
			c.cmd.Env = append(c.cmd.Env, name+"="+value)
		}
	}
	c.cmd.Env = append(c.cmd.Env, "GIT_TERMINAL_PROMPT=0")
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = stopPatience
	confine(c.cmd)
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.out = bufio.NewReaderSize(out, 256<<10)
	return c.cmd.Start()
}

// list reads the listing that was asked for; base is that of the commit in force, if it is
// known.
func (c *fetchChild) list(base *listing) (*listing, error) {
	if c.unasked != nil {
		return nil, c.unasked
	}
	_, payload, err := c.read(map[byte]uint32{kindListing: maxListing, kindFailed: maxFailure})
	if err != nil {
		return nil, err
	}
	return readListing(payload, base)
}

// readListing reads a listing, and completes one that tells what differs from base.
func readListing(payload []byte, base *listing) (*listing, error) {
	l := &listing{}
	if err := json.Unmarshal(payload, l); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil || !l.Differs {
		return l, err
	}
	if base == nil {
		return nil, errors.New("what differs was told though the whole was asked for")
	}
	return l, l.join(base)
}

// check refuses a listing that no honest child sends: what follows may rely on it.
func (l *listing) check() error {
	if len(l.Files) > maxFiles {
		return fmt.Errorf("%d files listed", len(l.Files))
	}
	for _, file := range l.Files {
		if file.Change < 0 || file.Change > len(l.Changes) {
			return fmt.Errorf("file %q names change %d of %d", file.Path, file.Change, len(l.Changes))
		}
	}
	return nil
}

// read reads one frame; a failure that the child tells becomes the error.
func (c *fetchChild) read(limits map[byte]uint32) (byte, []byte, error) {
	kind, payload, err := readFrame(c.out, limits)
	if err != nil || kind != kindFailed {
		return kind, payload, err
	}
	f := &failure{}
	if err := json.Unmarshal(payload, f); err != nil {
		return 0, nil, err
	}
	return 0, nil, f
}

// blobs fetches the wanted blobs and hands over each one, in order. A blob that is too
// large to be a manifest comes as its size alone.
func (c *fetchChild) blobs(want []blobHash, each func(hash blobHash, data []byte, size uint64) error) error {
	if len(want) == 0 {
		return nil
	}
	if err := writeFrame(c.in, kindWant, slices.Concat(flatten(want)...)); err != nil {
		return c.explain(err, 0)
	}
	for _, hash := range want {
		kind, payload, err := c.read(map[byte]uint32{kindBlob: hashSize + maxBlob, kindOversize: hashSize + 8, kindFailed: maxFailure})
		if err != nil {
			return c.explain(err, 0)
		}
		if len(payload) < hashSize || blobHash(payload[:hashSize]) != hash || kind == kindOversize && len(payload) != hashSize+8 {
			return transient("the fetch child answered another question than was asked")
		}
		data, size := payload[hashSize:], uint64(len(payload)-hashSize)
		if kind == kindOversize {
			data, size = nil, binary.BigEndian.Uint64(data)
		}
		if err := each(hash, data, size); err != nil {
			return err
		}
	}
	return nil
}

func flatten(hashes []blobHash) [][]byte {
	parts := make([][]byte, len(hashes))
	for i := range hashes {
		parts[i] = hashes[i][:]
	}
	return parts
}

// explain turns an error of the conversation into why the child could not answer.
func (c *fetchChild) explain(err error, limit time.Duration) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if f, ok := errors.AsType[*failure](context.Cause(c.ctx)); ok {
		c.breached = true
		return f
	}
	switch cause := context.Cause(c.ctx); {
	case errors.Is(cause, errTooSlow) && limit > 0:
		return transient("the repository did not answer within %s", crontopus.Duration(limit))
	case errors.Is(cause, errTooSlow):
		return transient("the repository took too long to read")
	case cause != nil:
		return cause
	}
	_ = c.in.Close() // it ends by that, or else by force
	time.AfterFunc(stopPatience, func() { c.cancel(nil) })
	ended := c.cmd.Wait()
	if f := c.limits.cause(c.cmd.ProcessState, c.stderr.String()); f != nil {
		c.breached = true
		return f
	}
	c.log.Error("the fetch child ended by itself", "error", err, "exit", ended, "stderr", c.stderr.String())
	return transient("the program that fetches ended by itself; the server's log has its last words")
}

// close ends the child: politely, by the end of its stdin, and at once, because nothing that
// it still does is wanted.
func (c *fetchChild) close() {
	c.log.Debug("the fetch child is done", "peak_memory", c.peak.Load())
	_ = c.in.Close() // the child may be gone already
	c.cancel(nil)
	_ = c.cmd.Wait() // how it died is of no interest
	if c.mirror != "" {
		clean(c.mirror, c.breached)
	}
}

// tail keeps the first and the last bytes that were written to it: a dying Go program says
// first what killed it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const (
	headSize = 1 << 10
	tailSize = 4 << 10
)

// Write keeps p, as far as it is the newest.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - headSize - tailSize; over > 0 {
		t.data = slices.Delete(t.data, headSize, headSize+over)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.data), "�")
}
