package cli

import (
	"context"
	"errors"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

// standing is where a source stood before it was asked to sync.
type standing struct {
	last     string // the id of its newest sync, "" before the first
	underway bool   // a sync went on, which knew nothing yet of what was asked
}

func standingOf(ctx context.Context, api *client.Client, name string) (s standing, err error) {
	source, err := api.Source(ctx, name)
	if err != nil {
		return s, err
	}
	newest, err := newestSync(ctx, api, name)
	if err != nil {
		return s, err
	}
	if newest != nil {
		s.last = newest.ID
	}
	for _, c := range source.Status.Conditions {
		if c.Type == crontopus.ConditionReconciling && c.Status {
			// It may have ended between the two questions: then it is the newest.
			s.underway = newest == nil || newest.Finished == nil || newest.Finished.Before(c.Since)
		}
	}
	return s, nil
}

// asked returns the sync that was asked for, nil where it has not ended. The syncs are those of
// the source, newest first.
func (s standing) asked(syncs []crontopus.Sync) *crontopus.Sync {
	var ended []crontopus.Sync // since then, newest first
	for _, sync := range syncs {
		if sync.ID == s.last {
			break
		}
		if sync.Finished != nil {
			ended = append(ended, sync)
		}
	}
	if s.underway && len(ended) > 0 {
		ended = ended[:len(ended)-1]
	}
	if len(ended) == 0 {
		return nil
	}
	return &ended[len(ended)-1]
}

const (
	pollInterval = 300 * time.Millisecond // how often the outcome of a sync is asked for
	polledSyncs  = 20                     // more than end between two polls
)

// waitForSync returns the first sync that began and ended after the source stood like that.
func waitForSync(ctx context.Context, api *client.Client, name string, before standing, timeout time.Duration) (*crontopus.Sync, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		syncs, err := api.Syncs(waiting, name, crontopus.Page{Limit: polledSyncs})
		switch {
		case errors.Is(err, context.DeadlineExceeded) || waiting.Err() != nil && ctx.Err() == nil:
			return nil, crontopus.Errorf(crontopus.CodeUnavailable, "the sync of %s did not end within %s", name, timeout).
				WithHint("it goes on; crontopus sources get %s tells the outcome", name)
		case err != nil:
			return nil, err
		}
		if sync := before.asked(syncs.Items); sync != nil {
			return sync, nil
		}
		select {
		case <-waiting.Done():
		case <-tick.C:
		}
	}
}
