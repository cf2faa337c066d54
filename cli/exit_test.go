package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestReportPrintsAnErrorOnceWithItsHint(t *testing.T) {
	t.Parallel()
	told := crontopus.Errorf(crontopus.CodeConflict, "the plan changed").WithHint("look again")
	for _, c := range []struct {
		name string
		err  error
		code int
		says string
	}{
		{"all is well", nil, 0, ""},
		{"an error", errors.New("disk full"), 2, "crontopus: disk full\n"},
		{"with a hint, wrapped", fmt.Errorf("approve: %w", told), 2, "crontopus: approve: the plan changed\nhint: look again\n"},
		{"problems that were printed already", errProblems, 1, ""},
		{"a code of its own", &exitError{code: 1, err: told}, 1, "crontopus: the plan changed\nhint: look again\n"},
		{"a code of its own, wrapped", fmt.Errorf("demo: %w", &exitError{code: 1, err: told}), 1, "crontopus: the plan changed\nhint: look again\n"},
		{"interrupted", fmt.Errorf("get: %w", context.Canceled), 2, "crontopus: interrupted\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			require.Equal(t, c.code, report(&stderr, c.err))
			require.Equal(t, c.says, stderr.String())
		})
	}
}

func TestExitErrorUnwrapsToItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	require.ErrorIs(t, &exitError{code: 1, err: cause}, cause)
	require.EqualError(t, &exitError{code: 1, err: cause}, "cause")
	require.EqualError(t, errProblems, "exit code 1")
}
