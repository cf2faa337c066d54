package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestStepsStandInColumnsUnderTheLongestReason(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	begun := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := &story{out: &out, begun: begun}
	s.stepAt(begun.Add(62*time.Millisecond), "pushed", "a commit")
	s.stepAt(begun.Add(59*time.Second), crontopus.ReasonValidationFailed, "refused")
	s.stepAt(begun.Add(-time.Second), crontopus.ReasonRemovalBlocked, "held")
	s.quote("one\ntwo\n")
	require.Equal(t, `    0.062s  pushed            a commit
   59.000s  ValidationFailed  refused
    0.000s  RemovalBlocked    held
            │ one
            │ two
`, out.String())
}
