package crontopus_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1.5h": 90 * time.Minute,
		"1d12h": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "250ms": 250 * time.Millisecond,
		"1h30m": 90 * time.Minute, "3us": 3 * time.Microsecond, "3µs": 3 * time.Microsecond,
	} {
		t.Run(text, func(t *testing.T) {
			got, err := crontopus.ParseDuration(text)
			require.NoError(t, err)
			require.Equal(t, want, got.Std())
		})
	}
}

func TestParseDurationRefuses(t *testing.T) {
	for _, text := range []string{"", "5", "-5m", "+5m", "5 m", "m", "1.2.3s", "10y", "1h-5m", "999999999999w", ".", "1e3s"} {
		t.Run(text, func(t *testing.T) {
			_, err := crontopus.ParseDuration(text)
			require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
			require.ErrorContains(t, err, "write one like")
		})
	}
}

func TestDurationSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := crontopus.Duration(rapid.Int64Min(0).Draw(t, "d"))
		got, err := crontopus.ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, got, d.String())
	})
}

func TestSize(t *testing.T) {
	for text, want := range map[string]crontopus.Size{"0": 0, "512": 512, "512B": 512, "10KiB": 10 << 10, "2MiB": 2 << 20, "1GiB": 1 << 30} {
		got, err := crontopus.ParseSize(text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
		again, err := crontopus.ParseSize(got.String())
		require.NoError(t, err)
		require.Equal(t, want, again)
	}
	for _, text := range []string{"", "KiB", "-1", "10KB", "1.5KiB", "10 KiB", "99999999999GiB"} {
		_, err := crontopus.ParseSize(text)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err), text)
	}
}

func TestSizeInJSON(t *testing.T) {
	var s struct{ A, B, C crontopus.Size }
	require.NoError(t, json.Unmarshal([]byte(`{"A":"10KiB","B":2048,"C":0}`), &s))
	out, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, `{"A":"10KiB","B":"2KiB","C":0}`, string(out))
}
