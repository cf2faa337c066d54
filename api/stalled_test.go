package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/token"
)

// stall has many senders begin a body of the length that they say and send no more of it, until
// finish is called or the test's bubble ends.
func (s *server) stall(t *testing.T, senders int, path func(i int) string, begun string, length int64) (finish func()) {
	var bodies []*io.PipeWriter
	for i := range senders {
		body, write := io.Pipe()
		bodies = append(bodies, write)
		req := httptest.NewRequest(http.MethodPost, path(i), body)
		req.ContentLength = length
		req.Header.Set("Content-Type", "application/json")
		go s.api.ServeHTTP(httptest.NewRecorder(), req)
		go io.WriteString(write, begun) //nolint:errcheck // who is sent away is not read
	}
	finish = func() {
		for _, write := range bodies {
			write.Close()
		}
		synctest.Wait()
	}
	t.Cleanup(finish)
	synctest.Wait()
	return finish
}

// post sends a body past the network: a stalled one waits in the time of the test.
func (s *server) post(path, body, header string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	name, value, _ := strings.Cut(header, ": ")
	req.Header.Set(name, value)
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	s.api.ServeHTTP(answer, req)
	return answer
}

func (s *server) answersAtOnce(t *testing.T, status int, path, body, header string) {
	t.Helper()
	begin, answer := time.Now(), s.post(path, body, header)
	require.Equal(t, status, answer.Code, "%s", answer.Body)
	require.Zero(t, time.Since(begin))
}

func TestPingsThatDoNotComeKeepOnlyPingsOfTheirTenantWaiting(t *testing.T) {
	s, key := pinged(t)
	theirs := token.New(token.PingKey)
	s.store.pingKeys[token.Hash(theirs)] = crontopus.PingKey{ID: "pk-2", Tenant: "other", Namespace: backup.Namespace}
	jobsOf := func(key string) func(int) string {
		return func(i int) string { return fmt.Sprintf("/ping/%s/job-%d", key, i) }
	}
	synctest.Test(t, func(t *testing.T) {
		s.stall(t, 1700, jobsOf(theirs), "x", 10_000)
		s.answersAtOnce(t, http.StatusOK, "/ping/"+key+"/nightly-backup", strings.Repeat("x", 10_000), "Accept: */*")
	})
	synctest.Test(t, func(t *testing.T) {
		s.stall(t, 1700, jobsOf(key), "x", 10_000)
		one, err := json.Marshal(checkIn("success"))
		require.NoError(t, err)
		s.answersAtOnce(t, http.StatusOK, "/api/v1/checkins", string(one)+strings.Repeat(" ", 10_000), s.bearer(crontopus.RoleOperator))
	})
}

// at has every sender send to one address.
func at(path string) func(int) string { return func(int) string { return path } }

func TestStrangersWhoAnnounceMuchAndSendNothingKeepNobodyOut(t *testing.T) {
	s := newServer(t)
	push := `{"ref":"refs/heads/main"}` + strings.Repeat(" ", 100_000)
	signed := "X-Forgejo-Signature: " + hexMAC("s3cret", push)
	synctest.Test(t, func(t *testing.T) {
		for _, length := range []int64{3 << 20, -1} { // -1: it is not said
			finish := s.stall(t, 40, at("/hooks/forgejo/src-1"), "{", length)
			s.answersAtOnce(t, http.StatusAccepted, "/hooks/forgejo/src-1", push, signed)
			finish()
		}
		s.stall(t, 40, at("/api/v1/agent/enroll"), "{", 1<<20)
		s.answersAtOnce(t, http.StatusBadRequest, "/api/v1/agent/enroll", push, "Accept: */*")
	})
}

// What strangers have sent is held, so it is bounded.
func TestStrangersWhoSendMuchAtOnceAreSentAwayForAWhile(t *testing.T) {
	s := newServer(t)
	push := `{"ref":"refs/heads/main"}` + strings.Repeat(" ", 2<<20)
	signed := "X-Forgejo-Signature: " + hexMAC("s3cret", push)
	synctest.Test(t, func(t *testing.T) {
		finish := s.stall(t, 5, at("/hooks/forgejo/src-2"), strings.Repeat(" ", 3<<20-1), 3<<20)
		begin, answer := time.Now(), s.post("/hooks/forgejo/src-1", push, signed)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, "%s", answer.Body)
		require.Equal(t, "5", answer.Header().Get("Retry-After"))
		require.Contains(t, answer.Body.String(), "too much arrives at once")
		require.Equal(t, 5*time.Second, time.Since(begin))
		finish()
		s.answersAtOnce(t, http.StatusAccepted, "/hooks/forgejo/src-1", push, signed)
	})
}

// pipe is a listener for one connection, which has deadlines in the time of the test.
type pipe struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p *pipe) Close() error   { p.once.Do(func() { close(p.conns) }); return nil }
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// net/http waits for the rest of a body before it sends the answer.
func TestWhoIsAnsweredWithoutTheirBodyIsNotWaitedForLong(t *testing.T) {
	s, key := pinged(t)
	for begun, want := range map[string]struct {
		status int
		after  time.Duration
	}{
		"POST /api/v1/checkins":                 {http.StatusUnauthorized, 5 * time.Second},
		"POST /api/v1/api-keys":                 {http.StatusUnauthorized, 5 * time.Second},
		"POST /nowhere":                         {http.StatusNotFound, 5 * time.Second},
		"PUT /api/v1/jobs":                      {http.StatusMethodNotAllowed, 5 * time.Second},
		"GET /healthz":                          {http.StatusOK, 5 * time.Second},
		"GET /ping/" + otherID:                  {http.StatusNotFound, 5 * time.Second},
		"POST /ping/" + key + "/nightly-backup": {http.StatusRequestTimeout, 30 * time.Second},
		"POST /hooks/forgejo/src-1":             {http.StatusRequestTimeout, 30 * time.Second},
		"POST /api/v1/cron/nightly-backup/" + key + "?status=ok": {http.StatusRequestTimeout, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			listener := &pipe{conns: make(chan net.Conn, 1)}
			server := &http.Server{Handler: s.api, ReadTimeout: time.Minute}
			go server.Serve(listener) //nolint:errcheck // it is closed
			defer server.Close()
			here, there := net.Pipe()
			defer here.Close()
			listener.conns <- there
			begin := time.Now()
			_, err := fmt.Fprintf(here, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", begun)
			require.NoError(t, err)
			in := bufio.NewReader(here)
			answer, err := http.ReadResponse(in, nil)
			require.NoError(t, err, begun)
			defer answer.Body.Close()
			require.Equal(t, want.status, answer.StatusCode, begun)
			require.Equal(t, want.after, time.Since(begin), begun)
			_, err = io.Copy(io.Discard, in)
			require.NoError(t, err, "the connection ends")
			require.Less(t, time.Since(begin), want.after+time.Second, begun)
		})
	}
}
