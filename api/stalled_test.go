package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/token"
)

// stall has many senders begin a body of the length that they say and send no more of it, until finish is called.
func (s *server) stall(senders int, path func(i int) string, begun string, length int64) (finish func()) {
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
	synctest.Wait()
	return func() {
		for _, write := range bodies {
			write.Close()
		}
		synctest.Wait()
	}
}

// answersAtOnce sends a body, and expects its answer before a request that finds no room would be sent away.
func (s *server) answersAtOnce(t *testing.T, status int, path, body, header string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	name, value, _ := strings.Cut(header, ": ")
	req.Header.Set(name, value)
	req.Header.Set("Content-Type", "application/json")
	begin, answer := time.Now(), httptest.NewRecorder()
	s.api.ServeHTTP(answer, req)
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
		defer s.stall(1700, jobsOf(theirs), "x", 10_000)()
		s.answersAtOnce(t, http.StatusOK, "/ping/"+key+"/nightly-backup", strings.Repeat("x", 10_000), "Accept: */*")
	})
	synctest.Test(t, func(t *testing.T) {
		defer s.stall(1700, jobsOf(key), "x", 10_000)()
		one, err := json.Marshal(checkIn("success"))
		require.NoError(t, err)
		s.answersAtOnce(t, http.StatusOK, "/api/v1/checkins", string(one)+strings.Repeat(" ", 10_000), s.bearer(crontopus.RoleOperator))
	})
}
