package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// agentIdle measures both after they have waited for a while.
func agentIdle(ctx context.Context, b *Bench) ([]Figure, error) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // which takes requests and answers none
	if err != nil {
		return nil, err
	}
	defer silent.Close()
	floor, err := b.Start(ctx, "idle", "http://"+silent.Addr().String()+"/")
	if err != nil {
		return nil, err
	}
	dir := b.TB.TempDir()
	h, err := b.StartHost(ctx, "crontab", touching(dir))
	if err != nil {
		return nil, err
	}
	var product, least Samples
	for range b.Rounds {
		if err := waitUntil(ctx, time.Now().Add(10*time.Second)); err != nil {
			return nil, err
		}
		for process, samples := range map[*Process]*Samples{h.agent: &product, floor: &least} {
			bytes, err := process.RSS()
			if err != nil {
				return nil, err
			}
			*samples = append(*samples, bytes/(1<<20))
		}
	}
	_ = floor.Stop() // of an interrupt, since it waits
	return []Figure{{Name: "resident", Unit: "MiB", Product: product.Median(), Floor: least.Median(), Reach: Within(12)}}, h.stop()
}

// lags are how late jobs were, in milliseconds.
type lags struct{ p50, max Samples }

// agentDue lets both schedulers start their jobs in turns: the daemon at each full minute,
// supercronic half a minute later.
func agentDue(ctx context.Context, b *Bench) ([]Figure, error) {
	ours, theirs := b.TB.TempDir(), b.TB.TempDir()
	h, err := b.StartHost(ctx, "builtin", touching(ours))
	if err != nil {
		return nil, err
	}
	var product, peer lags
	var memory, peerMemory Samples
	err = b.Turns(ctx, func(ctx context.Context) error {
		at := nextMinute(5 * time.Second)
		if err := product.measure(ctx, ours, at); err != nil {
			return err
		}
		peak, err := h.agent.PeakRSS()
		memory = append(memory, peak/(1<<20))
		if err != nil {
			return err
		}
		// It has to read its table first, and both are to be clear of one another.
		if at = time.Now().Add(20 * time.Second).Truncate(time.Second); at.Second() < 20 || at.Second() > 40 {
			at = nextMinute(0).Add(20 * time.Second)
		}
		supercronic, err := startPeer(ctx, b, theirs, at)
		if err != nil {
			return err
		}
		if err := peer.measure(ctx, theirs, at); err != nil {
			return err
		}
		if peak, err = supercronic.PeakRSS(); err != nil {
			return err
		}
		peerMemory = append(peerMemory, peak/(1<<20))
		return supercronic.Stop()
	})
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: "start lag, p50", Unit: "ms", Product: product.p50.Median(), Floor: peer.p50.Median(), Reach: AtMost(1)},
		{Name: "start lag, max", Unit: "ms", Product: product.max.Median(), Floor: peer.max.Median(), Reach: Within(1500)},
		{Name: "resident, at most", Unit: "MiB", Product: memory.Median(), Floor: peerMemory.Median(), Reach: Within(48)},
	}, h.stop()
}

// startPeer starts supercronic with jobs that are due at one instant.
func startPeer(ctx context.Context, b *Bench, dir string, at time.Time) (*Process, error) {
	at = at.UTC()
	var text strings.Builder
	for i := range due {
		fmt.Fprintf(&text, "%d %d %d * * * * /usr/bin/touch %s\n", at.Second(), at.Minute(), at.Hour(), filepath.Join(dir, fmt.Sprint(i)))
	}
	table := filepath.Join(b.TB.TempDir(), "crontab")
	if err := os.WriteFile(table, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.Bin("supercronic"), table)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	return start(cmd, func(line string) (string, bool) { return line, strings.Contains(line, "read crontab") })
}

// measure waits until every job that is due has touched its file since, and notes how late
// they were.
func (l *lags) measure(ctx context.Context, dir string, at time.Time) error {
	var late []float64
	for deadline := at.Add(45 * time.Second); len(late) < due; {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d jobs were started in %s", len(late), due, time.Since(at))
		}
		if err := waitUntil(ctx, time.Now().Add(500*time.Millisecond)); err != nil {
			return err
		}
		if time.Since(at) < 4*time.Second {
			continue // looking costs what they need
		}
		late = late[:0]
		for i := range due {
			info, err := os.Stat(filepath.Join(dir, fmt.Sprint(i)))
			if err == nil && info.ModTime().After(at.Add(-time.Second)) {
				late = append(late, milliseconds(info.ModTime().Sub(at)))
			}
		}
	}
	slices.Sort(late)
	l.p50, l.max = append(l.p50, late[due/2]), append(l.max, late[due-1])
	return nil
}
