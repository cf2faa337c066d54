package syncer

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"crontopus.dev/crontopus"
)

// look lists the commit that is to be in force: the branch's head, or the one that the source
// is pinned to.
func (m *mirror) look(ctx context.Context) (*listing, error) {
	if m.q.Pin == "" {
		return m.read(ctx, m.head)
	}
	at, err := m.find(ctx, m.q.Pin)
	if err == nil && at.IsZero() && len(m.shallow) > 0 { // older than what was fetched so far
		if err = m.fresh(ctx, 0); err == nil {
			at, err = m.find(ctx, m.q.Pin)
		}
	}
	if err != nil {
		return nil, err
	}
	pin := &crontopus.PinStatus{HeadRevision: crontopus.Revision(m.q.Branch, m.head.String())}
	held := m.q.Settled && m.q.Pin == m.q.Applied
	switch {
	case !at.IsZero():
		pin.Behind, err = m.behind(ctx, at)
	case held:
		pin.Gone = true
	default:
		err = stalled(crontopus.ReasonFetchFailed, "the history of branch %s has no commit %s, to which the source is pinned; "+
			"pin another one with crontopus sources pin, or let it follow the branch with crontopus sources unpin", m.q.Branch, m.q.Pin)
	}
	if err != nil {
		return nil, err
	}
	l := &listing{Commit: crontopus.Commit{Hash: m.q.Applied}, ListedAt: m.listed, Unchanged: true, Fetched: m.fetched}
	if !held {
		if l, err = m.read(ctx, at); err != nil {
			return nil, err
		}
	}
	l.Pin = pin
	return l, nil
}

// find returns the commit of the branch's history whose hash begins so, zero for none. Commits
// outside it are never asked for: a forge would also hand out what nobody has merged.
func (m *mirror) find(ctx context.Context, hash string) (found plumbing.Hash, err error) {
	_, err = m.history(ctx, m.head, nil, func(at plumbing.Hash) error {
		if strings.HasPrefix(at.String(), hash) {
			if !found.IsZero() {
				return stalled(crontopus.ReasonFetchFailed, "%s, to which the source is pinned, is the beginning of several commits; write the whole hash", hash)
			}
			found = at
		}
		return nil
	})
	return found, err
}

// behind counts the branch's commits that do not lead to a commit of it.
func (m *mirror) behind(ctx context.Context, at plumbing.Hash) (int, error) {
	any := func(plumbing.Hash) error { return nil }
	has, err := m.history(ctx, at, nil, any)
	if err != nil {
		return 0, err
	}
	misses, err := m.history(ctx, m.head, has, any)
	return len(misses), err
}

// history visits the commits that lead to one, itself included, but none of known, as far back
// as they were fetched.
func (m *mirror) history(ctx context.Context, from plumbing.Hash, known map[plumbing.Hash]bool,
	visit func(plumbing.Hash) error) (map[plumbing.Hash]bool, error) {
	seen := map[plumbing.Hash]bool{}
	for queue := []plumbing.Hash{from}; len(queue) > 0 && len(seen) < maxAncestors; queue = queue[1:] {
		at := queue[0]
		if seen[at] || known[at] {
			continue
		}
		seen[at] = true
		if err := visit(at); err != nil {
			return nil, err
		}
		commit, err := m.commit(at)
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		queue = append(queue, m.parents(commit)...)
	}
	return seen, nil
}

// seenHead is the branch's head beside which the source was last found to be as pinned.
func seenHead(src crontopus.Source) string {
	ready := condition(src.Status.Conditions, crontopus.ConditionReady)
	if src.Status.Pin == nil || !ready.Status || ready.Reason != crontopus.ReasonPinned {
		return ""
	}
	return strings.TrimPrefix(src.Status.Pin.HeadRevision, crontopus.Revision(src.Branch, ""))
}

// inForce is the verdict on a revision that is, with where its branch is while it is pinned.
func (a *attempt) inForce(revision string, jobs int) verdict {
	v := synced(revision, jobs)
	if v.pin = a.pin; v.pin != nil {
		v.reason = crontopus.ReasonPinned
		v.message += ", pinned" + whereHeadIs(a.pin)
	}
	return v
}

func whereHeadIs(p *crontopus.PinStatus) string {
	switch {
	case p.Gone:
		return "; the branch's history was rewritten and has this commit no more (its head is " + p.HeadRevision +
			"): it stays in force until the source is unpinned or pinned to another"
	case p.Behind == 0:
		return " where the branch's head is"
	}
	return fmt.Sprintf(", %s behind the branch's head %s", count(p.Behind, "commit", "commits"), p.HeadRevision)
}
