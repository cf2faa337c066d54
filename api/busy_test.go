package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/stretchr/testify/require"
)

func TestCheckInsThatFindNoRoomAreSentAwayForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCheckIns(nil, time.Now, unobserved{})
		send := func() (status int, retryAfter string) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/checkins", strings.NewReader("[{}]"))
			s.holdMemory(humachi.NewContext(&huma.Operation{MaxBodyBytes: maxBatchBody}, r, w), func(huma.Context) { w.WriteHeader(http.StatusOK) })
			return w.Code, w.Header().Get("Retry-After")
		}
		status, _ := send()
		require.Equal(t, http.StatusOK, status)

		require.NoError(t, s.memory.Acquire(t.Context(), bodiesAtOnce))
		begin := time.Now()
		status, retryAfter := send()
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "5", retryAfter)
		require.Equal(t, queueTimeout, time.Since(begin))

		s.memory.Release(bodiesAtOnce)
		status, _ = send()
		require.Equal(t, http.StatusOK, status)
	})
}
