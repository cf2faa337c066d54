package agent

import (
	"sync"

	"github.com/google/uuid"

	"crontopus.dev/crontopus"
)

// maxTogether and maxTogetherBytes bound what is put into one file of the spool.
const (
	maxTogether      = 64
	maxTogetherBytes = 256 << 10
)

// groups lets those who add at one moment share a file: while one writes, the next gather. A
// thousand jobs that begin in one second need not be a thousand files.
type groups struct {
	mu    sync.Mutex
	next  *group     // gathers; nil: whoever comes begins one
	write sync.Mutex // held by who writes
}

// group is what is written together.
type group struct {
	spooled
	data []byte
	done chan struct{}
	err  error // once done
}

// add returns when data, which holds what says, is written, together with what others add meanwhile.
func (g *groups) add(what spooled, data []byte, write func(spooled, []byte) error) error {
	mine, first, err := g.join(what, data)
	if err != nil || !first {
		return err
	}
	g.write.Lock()
	g.close(mine)
	mine.err = write(mine.spooled, mine.data)
	g.write.Unlock()
	close(mine.done)
	return mine.err
}

// join adds to the group that gathers. Who began it has to write it; the others wait here.
func (g *groups) join(what spooled, data []byte) (mine *group, first bool, err error) {
	g.mu.Lock()
	mine = g.next
	if mine == nil || mine.count+what.count > maxTogether || len(mine.data)+len(data) > maxTogetherBytes {
		id, err := uuid.NewV7() // now, since its time is that of the oldest in the file
		if err != nil {
			g.mu.Unlock()
			return nil, false, crontopus.Errorf(crontopus.CodeInternal, "cannot name a check-in: %w", err)
		}
		mine, first = &group{spooled: spooled{id: id.String()}, done: make(chan struct{})}, true
		g.next = mine
	}
	mine.data, mine.final, mine.count = append(mine.data, data...), mine.final || what.final, mine.count+what.count
	mine.size = len(mine.data)
	g.mu.Unlock()
	if !first {
		<-mine.done
		err = mine.err
	}
	return mine, first, err
}

// close lets nobody else join.
func (g *groups) close(mine *group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == mine {
		g.next = nil
	}
}
