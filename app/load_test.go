package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
)

// load checks in for default/hello without pause, as many hosts do, and keeps a history of
// its own of what it was told. A check-in that was not acknowledged is sent again, under its
// run id, until it is.
type load struct {
	url, key string
	http     *http.Client
	poller   *client.Client // an agent that waits for its bundle all the time
	cancel   context.CancelFunc
	senders  sync.WaitGroup

	mu           sync.Mutex
	acknowledged []string      // run ids
	refused      int           // answers that were 503
	slowest      time.Duration // of all answers
	wrong        []string      // answers that nobody should get
}

// hosts is how many check in at once, each every so often.
const (
	hosts      = 8
	checkEvery = 25 * time.Millisecond
)

// startLoad begins to check in at a server.
func startLoad(url, key string, poller *client.Client) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{url: url, key: key, poller: poller, cancel: cancel,
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: hosts}}}
	for range hosts {
		l.senders.Go(func() { l.send(ctx) })
	}
	l.senders.Go(func() { l.poll(ctx) })
	return l
}

// send checks in until ctx ends; what it has begun it finishes.
func (l *load) send(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		id := uuid.Must(uuid.NewV7()).String()
		for !l.checkIn(id) {
			<-tick.C
		}
		<-tick.C
	}
}

// checkIn reports whether the server took the run's check-in.
func (l *load) checkIn(id string) bool {
	begin := time.Now()
	status, retryAfter, err := l.post("/api/v1/jobs/default/hello/checkins", `{"runId": "`+id+`", "event": "success", "exitCode": 0}`)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, time.Since(begin))
	switch {
	case err != nil:
		l.wrong = append(l.wrong, err.Error())
	case status < 300:
		l.acknowledged = append(l.acknowledged, id)
	case status == http.StatusServiceUnavailable && retryAfter > 0:
		l.refused++
	default:
		l.wrong = append(l.wrong, fmt.Sprintf("a check-in was answered %d, Retry-After %d", status, retryAfter))
	}
	return (err == nil && status < 300) || len(l.wrong) > 100
}

func (l *load) post(path, body string) (status, retryAfter int, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, l.url+path, strings.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+l.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := l.http.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, 0, err
	}
	retryAfter, _ = strconv.Atoi(response.Header.Get("Retry-After"))
	return response.StatusCode, retryAfter, nil
}

// poll waits for bundles as an agent does. It is answered, or told when to come back.
func (l *load) poll(ctx context.Context) {
	tag := ""
	for ctx.Err() == nil {
		_, next, _, err := l.poller.Bundle(ctx, tag, 2*time.Second, time.Time{})
		tag = next
		busy, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err)
		if err == nil || ctx.Err() != nil || (ok && busy.RetryAfter() > 0 && crontopus.ErrorCode(err) == crontopus.CodeUnavailable) {
			continue
		}
		l.mu.Lock()
		l.wrong = append(l.wrong, "a poll: "+err.Error())
		l.mu.Unlock()
	}
}

// counted returns how many check-ins were acknowledged, and how many answers were 503.
func (l *load) counted() (acknowledged, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged), l.refused
}

// goesOn waits until more check-ins were acknowledged.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	before, _ := l.counted()
	until(t, "check-ins are taken", func() bool {
		now, _ := l.counted()
		return now >= before+3*hosts
	})
}

// end stops the load when everything it began is acknowledged.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.cancel()
	l.senders.Wait()
	l.http.CloseIdleConnections()
	require.Empty(t, l.wrong)
}

// requireKept compares the history with what the server knows.
func (l *load) requireKept(t *testing.T, c *client.Client) {
	t.Helper()
	var readers sync.WaitGroup
	ids := make(chan string)
	for range 4 {
		readers.Go(func() {
			for id := range ids {
				run, err := c.Run(context.Background(), id)
				if err != nil || run.State != crontopus.RunSucceeded {
					t.Errorf("the check-in of run %s was acknowledged and is lost: %s %v", id, run.State, err)
				}
			}
		})
	}
	for _, id := range l.acknowledged {
		ids <- id
	}
	close(ids)
	readers.Wait()
}
