package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/logs"
)

func TestEveryLineSaysWhatItIsPartOf(t *testing.T) {
	var out bytes.Buffer
	log, err := logs.New(&out, logs.Options{Format: logs.FormatJSON})
	require.NoError(t, err)
	request := logs.With(t.Context(), slog.String("requestId", "r1"))
	both := logs.With(request, slog.String("sync", "s1"))
	other := logs.With(request, slog.String("sync", "s2"))

	log.InfoContext(t.Context(), "alone")
	log.With("source", "ops").InfoContext(both, "deep", "n", 1)
	log.InfoContext(other, "beside")
	log.InfoContext(request, "outside")

	var lines []map[string]any
	for d := json.NewDecoder(&out); d.More(); {
		var line map[string]any
		require.NoError(t, d.Decode(&line))
		delete(line, "time")
		lines = append(lines, line)
	}
	require.Equal(t, []map[string]any{
		{"level": "INFO", "msg": "alone"},
		{"level": "INFO", "msg": "deep", "source": "ops", "n": 1.0, "requestId": "r1", "sync": "s1"},
		{"level": "INFO", "msg": "beside", "requestId": "r1", "sync": "s2"},
		{"level": "INFO", "msg": "outside", "requestId": "r1"},
	}, lines)
}

func TestLevelsAndForms(t *testing.T) {
	for level, shown := range map[string]int{"debug": 4, "": 3, "info": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		log, err := logs.New(&out, logs.Options{Level: level})
		require.NoError(t, err)
		for _, at := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(context.Background(), at, "line")
		}
		require.Equal(t, shown, bytes.Count(out.Bytes(), []byte("msg=line")), level)
	}
	for _, wrong := range []logs.Options{{Format: "xml"}, {Level: "loud"}, {Level: "info+3"}} {
		_, err := logs.New(&bytes.Buffer{}, wrong)
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(err))
		require.Contains(t, crontopus.ErrorHint(err), "--log-")
	}
}

func TestAHandlerIsWrappedOnce(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(logs.Handler(logs.Handler(slog.NewTextHandler(&out, nil))))
	log.InfoContext(logs.With(t.Context(), slog.Int("n", 1)), "once")
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("n=1")))
}
