package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/store"
)

var enrollCases = cases{
	"what targets match comes from the token": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		host := candidate("db-01")
		host.Labels, host.NameFixed, host.MatchFacts, host.Tenant = map[string]string{"role": "root"}, true, true, there
		token := w.token(func(k *crontopus.EnrollmentToken) { k.Uses = 2 })
		a, err := s.SystemEnroll(t.Context(), token, host, t0)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"role": "db"}, a.Labels)
		require.Equal(t, map[string]string{"os": "linux"}, a.Facts)
		require.Equal(t, here, a.Tenant)
		require.False(t, a.NameFixed, "the host chose it")
		require.False(t, a.MatchFacts)
		require.Equal(t, t0, a.EnrolledAt)

		stored, err := s.SystemAgent(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, a, stored)
		require.Equal(t, []string{a.ID}, w.marked(), "it waits for its first bundle")
	},
	"the name of a token with one use is fixed": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		require.True(t, w.agent("db-01").NameFixed)
		token := w.token(func(k *crontopus.EnrollmentToken) { k.Name = "db-02" })
		a, err := s.SystemEnroll(t.Context(), token, candidate("something-else"), t0)
		require.NoError(t, err)
		require.Equal(t, "db-02", a.Name)
		require.True(t, a.NameFixed)
	},
	"the last use of many is not a token with one use": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token := w.token(func(k *crontopus.EnrollmentToken) { k.Uses = 2 })
		for _, name := range []string{"a", "b"} {
			a, err := s.SystemEnroll(t.Context(), token, candidate(name), t0)
			require.NoError(t, err)
			require.False(t, a.NameFixed)
		}
	},
	"a pattern bounds the names that hosts propose": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token := w.token(func(k *crontopus.EnrollmentToken) { k.NamePattern, k.Uses = "web-*", 2 })
		for _, name := range []string{"db-01", ""} {
			_, err := s.SystemEnroll(t.Context(), token, candidate(name), t0)
			requireCode(t, crontopus.CodeForbidden, err)
		}
		_, err := s.SystemEnroll(t.Context(), token, candidate("web-UPPER"), t0)
		requireCode(t, crontopus.CodeInvalid, err)
		a, err := s.SystemEnroll(t.Context(), token, candidate("web-01"), t0)
		require.NoError(t, err)
		require.Equal(t, "web-01", a.Name)
	},
	"a host that proposes no name gets one": func(t *testing.T, s *store.Store) {
		require.Regexp(t, "^agent-[0-9a-f]{8}$", newWorld(t, s, here).agent("").Name)
	},
	"a name that is taken costs no use": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		old := w.agent("db-01")
		token := w.token(nil)
		_, err := s.SystemEnroll(t.Context(), token, candidate("db-01"), t0)
		requireCode(t, crontopus.CodeConflict, err)
		_, err = s.RevokeAgent(t.Context(), here, actor, "db-01", t0)
		require.NoError(t, err)
		a, err := s.SystemEnroll(t.Context(), token, candidate("db-01"), t0)
		require.NoError(t, err, "a revoked agent's name is free")
		got, err := s.AgentByName(t.Context(), here, "db-01")
		require.NoError(t, err)
		require.Equal(t, a.ID, got.ID)
		got, err = s.AgentByName(t.Context(), here, old.ID)
		require.NoError(t, err)
		require.NotNil(t, got.RevokedAt)
	},
	"asking again with the same key gets the same answer": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token, host := w.token(nil), candidate("db-01")
		first, err := s.SystemEnroll(t.Context(), token, host, t0)
		require.NoError(t, err)
		host.ID, host.Name = "another-id", "another-name"
		again, err := s.SystemEnroll(t.Context(), token, host, t0.Add(48*time.Hour))
		require.NoError(t, err, "although the token is used up and has expired")
		require.Equal(t, first, again)

		_, err = s.RevokeAgent(t.Context(), here, actor, "db-01", t0)
		require.NoError(t, err)
		_, err = s.SystemEnroll(t.Context(), token, host, t0)
		requireCode(t, crontopus.CodeForbidden, err)
	},
	"tokens end": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		_, err := s.SystemEnroll(t.Context(), hash("guess"), candidate("a"), t0)
		requireCode(t, crontopus.CodeNotFound, err)
		token := w.token(nil)
		_, err = s.SystemEnroll(t.Context(), token, candidate("a"), t0.Add(time.Hour))
		requireCode(t, crontopus.CodeGone, err)
		require.ErrorContains(t, err, "expired")
		_, err = s.SystemEnroll(t.Context(), token, candidate("a"), t0)
		require.NoError(t, err)
		_, err = s.SystemEnroll(t.Context(), token, candidate("b"), t0)
		requireCode(t, crontopus.CodeGone, err)
		require.ErrorContains(t, err, "no use left")
	},
	"one host asks sixteen times at once and is one agent": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token, host := w.token(nil), candidate("db-01")
		ids := make([]string, 16)
		var all sync.WaitGroup
		for i := range ids {
			a := host
			a.ID = uuid.NewString()
			all.Go(func() {
				got, err := s.SystemEnroll(t.Context(), token, a, t0)
				if err != nil {
					t.Error(err)
				}
				ids[i] = got.ID
			})
		}
		all.Wait()
		require.Len(t, slices.Compact(ids), 1)
	},
	"sixteen hosts ask for one name at once and one gets it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		tokens, errs := make([][32]byte, 16), make([]error, 16)
		for i := range tokens {
			tokens[i] = w.token(nil)
		}
		var all sync.WaitGroup
		for i := range tokens {
			all.Go(func() { _, errs[i] = s.SystemEnroll(t.Context(), tokens[i], candidate("db-01"), t0) })
		}
		all.Wait()
		got := 0
		for _, err := range errs {
			if err == nil {
				got++
				continue
			}
			requireCode(t, crontopus.CodeConflict, err)
			require.ErrorContains(t, err, `there is an agent "db-01" already`)
		}
		require.Equal(t, 1, got)
	},
	"sixteen hosts redeem the last use at once and one gets it": func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, here)
		token := w.token(nil)
		errs := make([]error, 16)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = s.SystemEnroll(t.Context(), token, candidate(""), t0) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			requireCode(t, crontopus.CodeGone, err)
		}
		require.Equal(t, 1, won)
		list, _, err := s.Agents(t.Context(), here, crontopus.Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)
	},
	"tokens that cannot be": func(t *testing.T, s *store.Store) {
		newWorld(t, s, here)
		for name, k := range map[string]crontopus.EnrollmentToken{
			"no use":                 {Uses: 0},
			"a name for two":         {Uses: 2, Name: "db-01"},
			"a name that is none":    {Uses: 1, Name: "DB 01"},
			"a pattern that is none": {Uses: 1, NamePattern: "web-["},
		} {
			k.ID = name
			requireCode(t, crontopus.CodeInvalid, s.CreateEnrollmentToken(t.Context(), here, actor, k, hash(name)))
		}
	},
}
