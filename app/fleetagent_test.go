package app_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

// fleetAgent polls and checks in without a pause, and keeps its own history.
type fleetAgent struct {
	*client.Client
	wait time.Duration // of a poll

	mu       sync.Mutex
	failures []string
	acked    []string                        // runs whose check-in was answered 2xx
	digests  map[crontopus.Generation]string // what each generation that came held
	newest   crontopus.Bundle
}

// work goes on until the context ends, and then says so.
func (a *fleetAgent) work(ctx context.Context) <-chan struct{} {
	var all sync.WaitGroup
	all.Go(func() { a.poll(ctx) })
	all.Go(func() { a.checkIn(ctx) })
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	return ended
}

func (a *fleetAgent) poll(ctx context.Context) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for tag := ""; ctx.Err() == nil; <-pause.C {
		raw, newTag, changed, err := a.Bundle(ctx, tag, a.wait, time.Time{})
		if ctx.Err() != nil {
			return
		}
		a.failed("poll", err)
		if err == nil && changed {
			tag = newTag
			a.took(raw)
		}
	}
}

func (a *fleetAgent) took(raw []byte) {
	var envelope struct{ Payload string }
	var b crontopus.Bundle
	err := json.Unmarshal(raw, &envelope)
	if err == nil {
		var payload []byte
		if payload, err = base64.StdEncoding.DecodeString(envelope.Payload); err == nil {
			err = json.Unmarshal(payload, &b)
		}
	}
	a.failed("bundle", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.digests[b.Gen()]; ok && known != b.JobsDigest {
		a.failures = append(a.failures, fmt.Sprintf("generation %s was used twice", b.Gen()))
	}
	a.digests[b.Gen()] = b.JobsDigest
	if b.Gen().Compare(a.newest.Gen()) < 0 {
		a.failures = append(a.failures, fmt.Sprintf("generation %s came after %s", b.Gen(), a.newest.Gen()))
	}
	a.newest = b
}

func (a *fleetAgent) checkIn(ctx context.Context) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ; ctx.Err() == nil; <-pause.C {
		id := uuid.Must(uuid.NewV7()).String()
		results, err := a.CheckIns(ctx, []crontopus.CheckIn{{RunID: id, Job: crontopus.JobName{Namespace: "default", Name: "hello"},
			Event: crontopus.EventSuccess, At: time.Now(), Attempt: 1}})
		if ctx.Err() != nil {
			return
		}
		a.failed("check-in", err)
		if err == nil && results[0].Status < 300 {
			a.mu.Lock()
			a.acked = append(a.acked, id)
			a.mu.Unlock()
		} else if err == nil {
			a.failed("check-in", fmt.Errorf("%d: %s", results[0].Status, results[0].Message))
		}
	}
}

func (a *fleetAgent) failed(what string, err error) {
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.failures = append(a.failures, what+": "+err.Error())
	}
}

// holds reports whether the newest bundle has a job whose command says this.
func (a *fleetAgent) holds(word string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.newest.Jobs, func(j crontopus.Job) bool { return slices.Contains(j.Spec.Run.Command, word) })
}

// agents enrolls hosts that hold the job default/hello.
func (f *fleet) agents(t *testing.T, n int, wait time.Duration) (agents []*fleetAgent) {
	t.Helper()
	for i := range n {
		host := f.running().enrolls(t, fmt.Sprintf("db-%02d", i))
		agents = append(agents, &fleetAgent{Client: host.Client, wait: wait, digests: map[crontopus.Generation]string{}})
	}
	for _, a := range agents {
		until(t, "the agent has its job", func() bool {
			raw, _, changed, err := a.Bundle(t.Context(), "", 0, time.Time{})
			if err == nil && changed {
				a.took(raw)
			}
			return a.holds("/bin/true")
		})
	}
	return agents
}

// kept looks for every run that an agent was told is recorded.
func (f *fleet) kept(t *testing.T, agents []*fleetAgent) (n int) {
	t.Helper()
	for _, a := range agents {
		require.NotEmpty(t, a.acked)
		for _, id := range a.acked {
			run, err := f.Run(t.Context(), id)
			require.NoError(t, err, "a check-in that was answered is lost")
			require.Equal(t, crontopus.RunSucceeded, run.State)
			n++
		}
	}
	return n
}
