package alert

import (
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// How many messages go to one channel at once, through one server, and when one that had to wait is
// taken up again. A channel that takes its ten seconds to answer keeps those of others waiting no longer.
const (
	channelAtOnce = 4
	crowdedStep   = 4 * time.Second // River hands out again by itself what waits for less than five
)

// crowd counts the messages under way to each channel.
type crowd struct {
	mu   sync.Mutex
	busy map[destination]int
}

type destination struct {
	tenant  crontopus.TenantID
	channel crontopus.JobName
}

// enter begins with a message, unless there are enough under way.
func (c *crowd) enter(n *crontopus.Notification) (leave func(), ok bool) {
	to := destination{n.Tenant, n.Channel}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[to] >= channelAtOnce {
		return nil, false
	}
	c.busy[to]++
	return func() { c.leave(to) }, true
}

func (c *crowd) leave(to destination) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[to]--; c.busy[to] == 0 {
		delete(c.busy, to)
	}
}
