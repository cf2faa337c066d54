package syncer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// brokenTenant is a store that cannot say what one tenant's agents are to run.
type brokenTenant struct{ *memStore }

const broken crontopus.TenantID = "broken"

func (s brokenTenant) DesiredSince(ctx context.Context, tenant crontopus.TenantID, known map[string]int64) (crontopus.DesiredSet, error) {
	if tenant == broken {
		return crontopus.DesiredSet{}, crontopus.Errorf(crontopus.CodeInternal, "row 7 is damaged")
	}
	return s.memStore.DesiredSince(ctx, tenant, known)
}

// The agents of the tenant in trouble have the lower ids, and are more than one look finds.
func TestATenantInTroubleKeepsNobodyElseWaiting(t *testing.T) {
	h := newHouse(t)
	opts := h.opts
	opts.Store = brokenTenant{h.memStore}
	p := startPress(t, h, opts)
	var theirs []string
	for i := range 150 {
		theirs = append(theirs, fmt.Sprintf("a-%03d", i))
	}
	p.addAgent("db", "db-01")
	p.memStore.mu.Lock()
	p.mark(broken, theirs)
	p.mark(tenant, []string{"id-db-01"})
	p.memStore.mu.Unlock()
	p.publisher.Wake()
	p.until(t, func() bool { return p.pubs["id-db-01"].Generation.Number == 1 })
	p.memStore.mu.Lock()
	require.Len(t, p.marks, 150, "theirs stay, for when it is mended")
	p.memStore.mu.Unlock()
}

// Two sources, each of which fits into a bundle: together they do not.
func TestAHostWithMoreThanABundleHoldsKeepsTheOthersFromNothing(t *testing.T) {
	h := newHouse(t, realChild(t), func(h *house) { h.opts.AllowFileSources = true })
	p := startPress(t, h, h.opts)
	p.addAgent("db", "db-01")
	p.addAgent("web", "web-01")
	p.addSource("large-1", p.repo.URL(), "one")
	p.addSource("large-2", p.repo.URL(), "two")
	files := map[string]string{"three/a.yaml": manifestFor("a", "one", "{labels: {role: web}}")}
	for i := range 120 {
		folder := []string{"one", "two"}[i%2]
		script := "# " + strings.Repeat("x", 225<<10)
		files[fmt.Sprintf("%s/%d.yaml", folder, i)] = fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\n"+
			"spec:\n  schedule: '@daily'\n  target: {labels: {role: db}}\n  run:\n    script: |\n      %s\n", i, script)
	}
	p.addSource("small", p.repo.URL(), "three")
	p.repo.Commit(t, "large", files)
	for _, id := range []string{"large-1", "large-2", "small"} {
		requireState(t, "true Synced", p.sync(t, id))
		p.markAll(t, "id-db-01", "id-web-01")
	}
	require.Len(t, p.bundle(t, "id-web-01").Jobs, 1)
	pub, err := p.Publication(t.Context(), tenant, "id-db-01")
	require.NoError(t, err)
	require.Len(t, pub.Jobs, 60, "what fitted last")
}

func TestARevisionWithMoreThanABundleHoldsIsRefused(t *testing.T) {
	h := newHouse(t, realChild(t))
	h.addAgent("db", "db-01")
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("%d.yaml", i)] = fmt.Sprintf("apiVersion: crontopus.dev/v1\nkind: Job\nmetadata: {name: job-%d}\n"+
			"spec:\n  schedule: '@daily'\n  target: {labels: {role: db}}\n  run:\n    script: |\n      # %s\n", i, strings.Repeat("x", 225<<10))
	}
	h.repo.Commit(t, "large", files)
	message := requireState(t, "false ValidationFailed", h.sync(t, sourceID))
	require.Contains(t, message, "the jobs of the host db-01 say more than 20MiB together")
}
