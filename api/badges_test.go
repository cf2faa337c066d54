package api_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api"
	"crontopus.dev/crontopus/api/wire"
)

// badged is a server with a badge of the job, whose clock stands still until it is moved.
func badged(t *testing.T) (s *server, b wire.Badge, at *time.Time) {
	s = newServer(t)
	now := time.Now()
	s.now = func() time.Time { return now }
	s.store.shows = crontopus.NewBadgeState(1, 0, 0)
	b, err := s.as(crontopus.RoleOperator).EnsureBadge(t.Context(), wire.BadgeInput{Namespace: backup.Namespace, Name: backup.Name})
	require.NoError(t, err)
	return s, b, &now
}

// path is where a badge's address leads.
func path(address string) string { return strings.TrimPrefix(address, "https://cron.example.com") }

// drawn returns the words of a picture, which must be well formed.
func drawn(t require.TestingT, svg string) (title string) {
	words := ""
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, svg)
		switch token := token.(type) {
		case xml.StartElement:
			require.Contains(t, []string{"svg", "title", "linearGradient", "stop", "clipPath", "rect", "g", "text"}, token.Name.Local)
			words = ""
		case xml.CharData:
			words += string(token)
		case xml.EndElement:
			if token.Name.Local == "title" {
				title = words
			}
		}
	}
	return title
}

func TestABadgeShowsItsJobToWhoeverHasTheAddress(t *testing.T) {
	s, b, now := badged(t)
	require.Equal(t, "https://cron.example.com/badge/"+b.ID+".svg", b.SVG)
	for status, want := range map[crontopus.BadgeState]string{
		crontopus.NewBadgeState(1, 0, 0): "up #4c1", crontopus.NewBadgeState(1, 1, 0): "late #fe7d37",
		crontopus.NewBadgeState(1, 0, 1): "down #e05d44", crontopus.NewBadgeState(0, 0, 0): "unwatched #9f9f9f",
	} {
		*now = now.Add(time.Minute)
		s.store.change(func() { s.store.shows = status })
		r := s.send(http.MethodGet, path(b.SVG), "")
		require.Equal(t, 200, r.status)
		word, color, _ := strings.Cut(want, " ")
		require.Equal(t, "nightly-backup: "+word, drawn(t, string(r.body)))
		require.Contains(t, string(r.body), `fill="`+color+`"`)
		require.Equal(t, "image/svg+xml; charset=utf-8", r.header.Get("Content-Type"))
		require.Equal(t, "public, max-age=30", r.header.Get("Cache-Control"))
		require.Equal(t, "default-src 'none'", r.header.Get("Content-Security-Policy"))
		require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	}
	s.store.change(func() { s.store.shows = crontopus.NewBadgeState(3, 1, 1) })
	*now = now.Add(time.Minute)
	r := s.send(http.MethodGet, path(b.JSON), "")
	require.JSONEq(t, `{"status": "down", "total": 3, "grace": 1, "down": 1}`, string(r.body))
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.Equal(t, "*", r.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, 200, s.send(http.MethodHead, path(b.SVG), "").status)
	require.Equal(t, 405, s.send(http.MethodPost, path(b.SVG), "").status)
}

func TestWhatIsNoBadgeIsNotFound(t *testing.T) {
	s, b, _ := badged(t)
	for _, path := range []string{"/badge/" + b.ID, "/badge/" + b.ID + ".png", "/badge/" + b.ID + ".json.svg", "/badge/" + b.ID + ".svg.json", "/badge/",
		"/badge/.svg", "/badge/x.svg", "/badge/" + uuid.NewString() + ".svg", "/badge/" + uuid.NewString() + ".json", "/badge/{" + b.ID + "}.svg",
		"/badge/" + strings.ReplaceAll(b.ID, "-", "") + ".svg", "/badge/" + b.ID + "/x.svg"} {
		r := s.send(http.MethodGet, path, "")
		require.Equal(t, 404, r.status, path)
		require.Equal(t, "no-store", r.header.Get("Cache-Control"), path)
		require.NotContains(t, string(r.body), backup.Name)
	}
	require.Equal(t, 200, s.send(http.MethodGet, "/badge/"+strings.ToUpper(b.ID)+".svg", "").status)
}

func TestABadgeIsLookedUpOnceInTenSecondsHoweverOftenItIsLoaded(t *testing.T) {
	s, b, now := badged(t)
	load := func(path string, want int) {
		t.Helper()
		require.Equal(t, want, s.send(http.MethodGet, path, "").status)
	}
	stranger := "/badge/" + uuid.NewString() + ".svg"
	before := s.lookups()
	for range 5 {
		load(path(b.SVG), 200)
		load(path(b.JSON), 200)
		load(stranger, 404)
	}
	require.Equal(t, 2, s.lookups()-before)
	s.store.change(func() { s.store.shows = crontopus.NewBadgeState(1, 0, 1) })
	require.Contains(t, string(s.send(http.MethodGet, path(b.JSON), "").body), "up")
	*now = now.Add(10 * time.Second)
	require.Contains(t, string(s.send(http.MethodGet, path(b.JSON), "").body), "down")
	load(stranger, 404)
	require.Equal(t, 4, s.lookups()-before)
}

func TestABadgeIsRotatedAndRemoved(t *testing.T) {
	s, b, _ := badged(t)
	api := s.as(crontopus.RoleOperator)
	require.Equal(t, 200, s.send(http.MethodGet, path(b.SVG), "").status)
	next, err := api.RotateBadge(t.Context(), b.ID)
	require.NoError(t, err)
	require.Equal(t, 404, s.send(http.MethodGet, path(b.SVG), "").status)
	require.Equal(t, 200, s.send(http.MethodGet, path(next.SVG), "").status)
	list, err := api.Badges(t.Context(), crontopus.Page{})
	require.NoError(t, err)
	require.Equal(t, []wire.Badge{next}, list.Items)
	require.NoError(t, api.RemoveBadge(t.Context(), next.ID))
	require.Equal(t, 404, s.send(http.MethodGet, path(next.SVG), "").status)
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(api.RemoveBadge(t.Context(), next.ID)))
	_, err = api.RotateBadge(t.Context(), next.ID)
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	require.NotContains(t, s.log.String(), b.ID)
}

func TestABadgeIsOfOneJobOrOneLabel(t *testing.T) {
	s, _, _ := badged(t)
	api := s.as(crontopus.RoleOperator)
	for _, bad := range []wire.BadgeInput{{}, {Namespace: "production"}, {Name: "x"}, {Namespace: "production", Name: "x", Label: "a=b"}, {Label: "team"}, {Label: "=x"},
		{Namespace: "No!", Label: "a=b"}, {Namespace: "production", Name: "No!"}, {Label: "a=\x00"}, {Label: "a=" + strings.Repeat("x", 1000)}} {
		_, err := api.EnsureBadge(t.Context(), bad)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), "%+v", bad)
	}
	_, err := api.EnsureBadge(t.Context(), wire.BadgeInput{Namespace: "production", Name: "nothing"})
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	_, err = s.as(crontopus.RoleViewer).EnsureBadge(t.Context(), wire.BadgeInput{Label: "a=b"})
	require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
	made, err := api.EnsureBadge(t.Context(), wire.BadgeInput{Label: `team=<script>"&'`})
	require.NoError(t, err)
	r := s.send(http.MethodGet, path(made.SVG), "")
	require.Equal(t, `team=<script>"&': up`, drawn(t, string(r.body)))
	require.NotContains(t, string(r.body), "<script")
}

func TestABadgeIsWellFormedWhateverItIsOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.String().Draw(t, "of")
		svg := api.BadgeSVG(of, crontopus.BadgeUp)
		title := drawn(t, svg)
		require.True(t, strings.HasSuffix(title, ": up"))
		require.Less(t, len(svg), 6000)
		require.Regexp(t, `^<svg [^>]* width="\d+" height="20"`, svg)
	})
}

func TestABadgeIsNotShownWhileTheDatabaseIsAway(t *testing.T) {
	s, b, _ := badged(t)
	s.store.change(func() { s.store.fail = crontopus.Errorf(crontopus.CodeUnavailable, "the database is away") })
	r := s.send(http.MethodGet, path(b.SVG), "")
	require.Equal(t, 503, r.status)
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	s.store.change(func() { s.store.fail = nil })
	require.Equal(t, 200, s.send(http.MethodGet, path(b.SVG), "").status)
}
