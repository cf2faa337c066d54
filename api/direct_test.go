package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

// stream sends a body whose length is not said.
func (s *server) stream(path string, body io.Reader) reply {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+path, struct{ io.Reader }{body})
	require.NoError(s.t, err)
	name, value, _ := strings.Cut(s.bearer(crontopus.RoleOperator), ": ")
	req.Header.Set(name, value)
	return s.do(req)
}

func TestACheckInWhoseLengthIsNotSaid(t *testing.T) {
	s := newServer(t)
	one, err := json.Marshal(checkIn("success"))
	require.NoError(t, err)
	for _, path := range []string{"/api/v1/checkins", "/api/v1/jobs/production/nightly-backup/checkins"} {
		r := s.stream(path, bytes.NewReader(one))
		require.Equal(t, 200, r.status, "%s", r.body)
		require.Equal(t, "application/json", r.header.Get("Content-Type"))
	}
	require.Len(t, s.store.runs, 1)
}

func TestAJobsNameInTheAddressMayHavePercents(t *testing.T) {
	s := newServer(t)
	one, err := json.Marshal(checkIn("success"))
	require.NoError(t, err)
	r := s.stream("/api/v1/jobs/production/nightly%2Dbackup/checkins", bytes.NewReader(one))
	require.Equal(t, 200, r.status, "%s", r.body)
	r = s.stream("/api/v1/jobs/production/nightly%2Fbackup/checkins", bytes.NewReader(one))
	require.Equal(t, 404, r.status, "%s", r.body)
}

// Who sends first and listens then hears why nothing came of it.
func TestWhoSendsFarTooMuchHearsSo(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/api/v1/checkins", "/api/v1/jobs/production/nightly-backup/checkins"} {
		for _, more := range []int64{1, 100 << 20} {
			r := s.stream(path, io.LimitReader(spaces{}, 16<<20+more))
			require.Equal(t, 413, r.status, "%s: %s", path, r.body)
			require.Equal(t, crontopus.CodeTooLarge, r.problem(t).Code)
		}
	}
	r := s.send(http.MethodPost, "/api/v1/jobs/production/nightly-backup/checkins", strings.Repeat(" ", 1<<20+1), s.bearer(crontopus.RoleOperator))
	require.Equal(t, 413, r.status, "one byte above the limit, and its length is said")
	require.Empty(t, s.store.runs)
}

func TestWhoAsksWhetherToSendFarTooMuchIsNotInvited(t *testing.T) {
	s := newServer(t)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /api/v1/checkins HTTP/1.1\r\nHost: x\r\n%s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		s.bearer(crontopus.RoleOperator), 16<<20+1)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	raw, err := io.ReadAll(conn) // the server closes, and has waited for nothing
	require.NoError(t, err)
	require.Regexp(t, "^HTTP/1.1 413 ", string(raw))
	require.Contains(t, string(raw), crontopus.CodeTooLarge)
}

// spaces is a text without end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestABodyThatEndsTooEarlyIsRefused(t *testing.T) {
	s := newServer(t)
	one, err := json.Marshal(checkIn("success"))
	require.NoError(t, err)
	for name, framing := range map[string]string{
		"shorter than it said": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(one)+1, one),
		"in a broken chunk":    fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nno length\r\n", len(one), one),
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /api/v1/checkins HTTP/1.1\r\nHost: x\r\n%s\r\n%s", s.bearer(crontopus.RoleOperator), framing)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, name)
		defer resp.Body.Close()
		var p wire.Problem
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&p), name)
		require.Equal(t, 400, resp.StatusCode, "%s: %+v", name, p)
	}
	require.Empty(t, s.store.runs)
}
