package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stalled is a body that never comes whole, and whose Close reads on, as net/http's does.
type stalled struct {
	io.Reader
	closed func()
}

func (s stalled) Close() error {
	s.closed()
	return nil
}

type tooLate struct{}

func (tooLate) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// deadlines tells which read deadline a connection has.
type deadlines struct {
	http.ResponseWriter
	now time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.now = t
	return nil
}

// Else whoever stalls holds what the body holds for as long as they like.
func TestTheDeadlineOfABodyHoldsUntilItIsClosed(t *testing.T) {
	conn, closed := &deadlines{ResponseWriter: httptest.NewRecorder()}, false
	body := withReadDeadline(conn, stalled{tooLate{}, func() {
		require.False(t, conn.now.IsZero(), "reading on is bounded as well")
		closed = true
	}})
	_, err := io.ReadAll(body)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.False(t, conn.now.IsZero())
	require.NoError(t, body.Close())
	require.True(t, closed)
	require.Zero(t, conn.now, "what comes next on the connection has its own time")
}
