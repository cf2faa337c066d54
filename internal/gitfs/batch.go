package gitfs

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

	"crontopus.dev/crontopus"
)

// batch is a running git cat-file --batch: a hash in, the object out.
type batch struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu   sync.Mutex
	out  *bufio.Reader
	lost error // the first object that git does not have
}

func startBatch(ctx context.Context, folder string) (*batch, error) {
	cmd := command(ctx, folder, "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &batch{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 64<<10)}, nil
}

// read returns a blob, or the first maxBlob bytes of a larger one.
func (b *batch) read(hash string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := io.WriteString(b.in, hash+"\n"); err != nil {
		return nil, fmt.Errorf("git cat-file has ended: %w", err)
	}
	header, err := b.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file has ended: %w", err)
	}
	var name, kind string
	var size int64
	if _, err := fmt.Sscan(header, &name, &kind, &size); err != nil {
		err := crontopus.Errorf(crontopus.CodeInvalid, "the clone is not whole: git says %q", strings.TrimSpace(header)).
			WithHint("clone the repository again without --filter; git fsck says more")
		b.lost = cmp.Or(b.lost, error(err))
		return nil, err
	}
	data := make([]byte, min(size, maxBlob))
	if _, err := io.ReadFull(b.out, data); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, b.out, size-int64(len(data))+1); err != nil { // the line's break, too
		return nil, err
	}
	return data, nil
}

// close ends the program. Nobody else may read any more.
func (b *batch) close() error {
	_ = b.in.Close() // Wait says what went wrong
	return b.cmd.Wait()
}

// limited refuses to go on after so many bytes.
type limited struct {
	from io.Reader
	left int
}

// Read reads up to the limit.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, crontopus.Errorf(crontopus.CodeTooLarge, "git lists more than %d MiB of files", maxListing>>20).
			WithHint("a repository of manifests has at most some hundred thousand files")
	}
	n, err := l.from.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
