package crontopus_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestErrorSaysItsCauseOnce(t *testing.T) {
	cause := errors.New("disk full")
	for name, c := range map[string]struct {
		err           *crontopus.Error
		message, line string
	}{
		"no cause":           {crontopus.Errorf("x", "cannot write %s", "a"), "cannot write a", "cannot write a"},
		"a cause at the end": {crontopus.Errorf("x", "cannot write: %w", cause), "cannot write", "cannot write: disk full"},
		"a cause within":     {crontopus.Errorf("x", "%w, so nothing was written", cause), "disk full, so nothing was written", "disk full, so nothing was written"},
		"a cause alone":      {crontopus.Errorf("x", "%w", cause), "disk full", "disk full"},
		"a cause by hand":    {&crontopus.Error{Code: "x", Message: "no", Err: cause}, "no", "no: disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.message, c.err.Message)
			require.Equal(t, c.line, c.err.Error())
		})
	}
}

func TestErrorCodeAndHintAreFoundInAChain(t *testing.T) {
	err := crontopus.Errorf("outer", "no: %w", crontopus.Errorf(crontopus.CodeGone, "gone: %w", fs.ErrNotExist)).WithHint("do %s", "this")
	require.Equal(t, "outer", crontopus.ErrorCode(err))
	require.Equal(t, "do this", crontopus.ErrorHint(err))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, "no: gone: file does not exist", err.Error())

	require.Equal(t, crontopus.CodeInternal, crontopus.ErrorCode(errors.New("strange")))
	require.Empty(t, crontopus.ErrorCode(nil))
	require.Empty(t, crontopus.ErrorHint(errors.New("strange")))
}
