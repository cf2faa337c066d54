package alert

import (
	"sync"
	"time"

	"crontopus.dev/crontopus"
)

// How many messages go to one channel at once, through one server, and when one that had to wait is
// taken up again. A channel that takes its ten seconds to answer keeps those of others waiting no longer;
// and channels whose last answer was slow have half of a server's hands together, however many they are.
const (
	channelAtOnce = 4
	slowAtOnce    = 8
	slowAfter     = 2 * time.Second
	crowdedStep   = 4 * time.Second // River hands out again by itself what waits for less than five
)

// crowd counts the messages under way to each channel.
type crowd struct {
	mu   sync.Mutex
	busy map[destination]int
	slow map[destination]bool
	wait int // messages under way to channels that were slow when they began
}

type destination struct {
	tenant  crontopus.TenantID
	channel crontopus.JobName
}

// enter begins with a message, unless there are enough under way. leave says how long it took.
func (c *crowd) enter(n *crontopus.Notification) (leave func(took time.Duration), ok bool) {
	to := destination{n.Tenant, n.Channel}
	c.mu.Lock()
	defer c.mu.Unlock()
	slow := c.slow[to]
	if c.busy[to] >= channelAtOnce || slow && c.wait >= slowAtOnce {
		return nil, false
	}
	c.busy[to]++
	if slow {
		c.wait++
	}
	return func(took time.Duration) { c.leave(to, slow, took) }, true
}

func (c *crowd) leave(to destination, slow bool, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slow {
		c.wait--
	}
	if c.busy[to]--; c.busy[to] == 0 {
		delete(c.busy, to)
	}
	if took > slowAfter {
		c.slow[to] = true
	} else {
		delete(c.slow, to)
	}
}
