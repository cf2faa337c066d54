package crontopus_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
)

func TestLimitsOfASource(t *testing.T) {
	limits := crontopus.SourceLimits{
		Namespaces: []string{"team-*", "shared"}, Labels: map[string]string{"team": "db", "env": "prod"}, Users: []string{"backup"}, MaxEntries: 3,
	}
	require.NoError(t, limits.Check())
	target := func(pairs ...string) crontopus.Target {
		labels := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			labels[pairs[i]] = pairs[i+1]
		}
		return crontopus.Target{Labels: labels}
	}
	for name, got := range map[string]bool{
		"a namespace of the pattern":           limits.Namespace("team-a"),
		"the pattern's end may be empty":       limits.Namespace("team-"),
		"a namespace by its name":              limits.Namespace("shared"),
		"every label, and one more":            limits.Target(target("team", "db", "env", "prod", "role", "x")),
		"a user of the list":                   limits.User("backup"),
		"as many entries as there may be":      limits.Entries(3),
		"not another namespace":                !limits.Namespace("team"),
		"nor one that only ends so":            !limits.Namespace("my-team-a"),
		"nor one that begins like a name":      !limits.Namespace("shared2"),
		"not one label alone":                  !limits.Target(target("team", "db")),
		"nor another value":                    !limits.Target(target("team", "db", "env", "test")),
		"not all hosts":                        !limits.Target(crontopus.Target{All: true}),
		"nor hosts by name":                    !limits.Target(crontopus.Target{Agents: []string{"db-01"}}),
		"not another user":                     !limits.User("root"),
		"nor the agent's own":                  !limits.User(""),
		"not one entry more":                   !limits.Entries(4),
		"without limits, any namespace":        crontopus.SourceLimits{}.Namespace("x"),
		"without limits, any target":           crontopus.SourceLimits{}.Target(crontopus.Target{All: true}),
		"without limits, the agent's own user": crontopus.SourceLimits{}.User(""),
		"without limits, any number":           crontopus.SourceLimits{}.Entries(1_000_000),
	} {
		require.True(t, got, name)
	}
}

func TestLimitsThatAreNone(t *testing.T) {
	for name, limits := range map[string]crontopus.SourceLimits{
		"a namespace that cannot be":   {Namespaces: []string{"Team"}},
		"a class, which is no pattern": {Namespaces: []string{"team-[ab]"}},
		"an empty namespace":           {Namespaces: []string{""}},
		"a label without a value":      {Labels: map[string]string{"team": ""}},
		"a label that hosts say":       {Labels: map[string]string{"fact/os": "linux"}},
		"a label with a newline":       {Labels: map[string]string{"team": "a\nb"}},
		"an empty user":                {Users: []string{""}},
		"two users in one":             {Users: []string{"a b"}},
		"fewer than no entries":        {MaxEntries: -1},
		"more than anyone writes":      {Users: strings.Split(strings.Repeat("u,", 101), ",")},
	} {
		require.Equal(t, crontopus.CodeInvalid, crontopus.ErrorCode(limits.Check()), name)
	}
	require.NoError(t, crontopus.SourceLimits{}.Check())
}

func TestLimitsAreToldApart(t *testing.T) {
	require.Empty(t, crontopus.SourceLimits{}.Digest())
	require.True(t, crontopus.SourceLimits{Labels: map[string]string{}}.IsZero())
	seen := map[string]bool{}
	for _, limits := range []crontopus.SourceLimits{
		{Namespaces: []string{"a"}}, {Users: []string{"a"}}, {Labels: map[string]string{"a": "a"}}, {MaxEntries: 1}, {MaxEntries: 2},
	} {
		require.False(t, limits.IsZero())
		seen[limits.Digest()] = true
	}
	require.Len(t, seen, 5)
}
