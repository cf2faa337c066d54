package crontopus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestAHostCannotChooseWhatItGets(t *testing.T) {
	labels, facts := map[string]string{"role": "db", "os": "bsd"}, map[string]string{"os": "linux", "role": "admin"}
	for _, c := range []struct {
		name       string
		matchFacts bool
		key, want  string
		matched    bool
	}{
		{"a label of the token", false, "role", "db", true},
		{"a label that it has not", false, "site", "", false},
		{"a fact, where the token does not let it", false, "fact/os", "", false},
		{"a fact, where the token lets it", true, "fact/os", "linux", true},
		{"a fact that it does not tell", true, "fact/arch", "", false},
		{"a fact never stands in for a label", true, "role", "db", true},
		{"a label never stands in for a fact", true, "fact/role", "admin", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := crontopus.Agent{Labels: labels, Facts: facts, MatchFacts: c.matchFacts}
			value, matched := a.MatchLabel(c.key)
			require.Equal(t, c.want, value)
			require.Equal(t, c.matched, matched)
		})
	}
}

func TestClockSkewIsHowFarTheHostIsAhead(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		at, received time.Time
		want         time.Duration
	}{
		"never reported":       {time.Time{}, time.Time{}, 0},
		"by an older server":   {now, time.Time{}, 0},
		"right":                {now, now, 0},
		"ahead by an hour":     {now.Add(time.Hour), now, time.Hour},
		"behind by two":        {now.Add(-2 * time.Hour), now, -2 * time.Hour},
		"right, in its zone":   {now.In(time.FixedZone("", 3600)), now, 0},
		"a second on the road": {now.Add(-time.Second), now, -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := crontopus.AgentReport{At: c.at, ReceivedAt: c.received}
			require.Equal(t, c.want, r.ClockSkew())
		})
	}
}

func TestAProblemIsSaidAsEditorsReadIt(t *testing.T) {
	for want, p := range map[string]crontopus.Problem{
		"a.yaml:3:7: unknown field": {File: "a.yaml", Line: 3, Column: 7, Message: "unknown field"},
		"a.yaml: cannot be read":    {File: "a.yaml", Message: "cannot be read"},
		"-:1:1: not a manifest":     {File: "-", Line: 1, Column: 1, Message: "not a manifest", Hint: "not in the line"},
	} {
		require.Equal(t, want, p.String())
	}
}

func TestEveryEventLeadsToAState(t *testing.T) {
	for event, c := range map[crontopus.Event]struct {
		state crontopus.RunState
		final bool
	}{
		crontopus.EventStart:   {crontopus.RunRunning, false},
		crontopus.EventSuccess: {crontopus.RunSucceeded, true},
		crontopus.EventFailure: {crontopus.RunFailed, true},
		crontopus.EventTimeout: {crontopus.RunTimedOut, true},
		crontopus.EventSkipped: {crontopus.RunSkipped, true},
	} {
		require.Equal(t, c.state, event.State(), event)
		require.Equal(t, c.final, event.Final(), event)
	}
	require.Empty(t, crontopus.Event("paused").State(), "what nobody sends is no state")
}
