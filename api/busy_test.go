package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

// post sends a body of the length and hands it to next once it is let in; a tenant of "" is
// somebody without a key.
func (m *bodyMemory) post(ctx context.Context, tenant crontopus.TenantID, length int64, next func()) (status int, retryAfter string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.WithValue(ctx, callerKey{}, caller{tenant: tenant}), http.MethodPost, "/x", http.NoBody)
	r.Header.Set("Content-Length", "")
	r.ContentLength = length
	m.hold(humachi.NewContext(&huma.Operation{Path: "/x", MaxBodyBytes: maxBatchBody}, r, w), func(huma.Context) {
		next()
		w.WriteHeader(http.StatusOK)
	})
	return w.Code, w.Header().Get("Retry-After")
}

func TestBodiesThatFindNoRoomAreSentAwayForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newBodyMemory()
		status, _ := m.post(t.Context(), "a", smallBody+1, func() {})
		require.Equal(t, http.StatusOK, status)

		require.NoError(t, m.all.Acquire(t.Context(), bodiesAtOnce))
		begin := time.Now()
		status, retryAfter := m.post(t.Context(), "a", smallBody+1, func() { t.Error("there was no room") })
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "5", retryAfter)
		require.Equal(t, bodiesTimeout, time.Since(begin))

		status, _ = m.post(t.Context(), "a", smallBody, func() {})
		require.Equal(t, http.StatusOK, status, "so little is let in always")

		m.all.Release(bodiesAtOnce)
		status, _ = m.post(t.Context(), "a", smallBody+1, func() {})
		require.Equal(t, http.StatusOK, status)
		require.Empty(t, m.shares)
	})
}

// Connections that announce much and send nothing hold the memory of whose they are.
func TestATenantWhoseBodiesDoNotComeKeepsNobodyElseOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newBodyMemory()
		idle, cancel := context.WithCancel(t.Context())
		for _, tenant := range []crontopus.TenantID{"slow", "slow", "slow", "slow", ""} {
			go m.post(idle, tenant, maxBatchBody, func() { <-idle.Done() })
		}
		synctest.Wait()
		begin := time.Now()
		status, _ := m.post(t.Context(), "a", maxBatchBody, func() {})
		require.Equal(t, http.StatusOK, status)
		require.Zero(t, time.Since(begin))
		status, _ = m.post(t.Context(), "slow", smallBody+1, func() {})
		require.Equal(t, http.StatusServiceUnavailable, status)
		cancel()
		synctest.Wait()
		require.Empty(t, m.shares)
	})
}
