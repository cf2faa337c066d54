package token_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/internal/token"
)

func TestNewTokensAreWellFormedAndNeverRepeat(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		tok := token.New(token.APIKey)
		require.Regexp(t, `^ctk_[0-9A-Za-z]{49}$`, tok)
		require.True(t, token.Check(tok, token.APIKey))
		require.False(t, seen[tok])
		seen[tok] = true
	}
}

func TestCheckRefuses(t *testing.T) {
	good := token.New(token.APIKey)
	for name, s := range map[string]string{
		"nothing":              "",
		"the prefix alone":     "ctk_",
		"another prefix":       token.New(token.Enrollment),
		"the prefix swapped":   "cte_" + strings.TrimPrefix(good, "ctk_"),
		"cut off":              good[:len(good)-1],
		"something behind it":  good + "0",
		"a space before it":    " " + good,
		"a byte outside":       good[:10] + "-" + good[11:],
		"a fingerprint behind": good + ".abcdef",
	} {
		t.Run(name, func(t *testing.T) { require.False(t, token.Check(s, token.APIKey)) })
	}
}

func TestCheckSeesAnyChangedCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		good := []byte(token.New(token.Enrollment))
		at := rapid.IntRange(4, len(good)-1).Draw(t, "at")
		with := rapid.RuneFrom([]rune("0123456789ABCDEFabcdef")).Draw(t, "with")
		if good[at] == byte(with) {
			return
		}
		good[at] = byte(with)
		if token.Check(string(good), token.Enrollment) {
			t.Fatalf("%s passes", good)
		}
	})
}

func TestHashIsOfTheWholeToken(t *testing.T) {
	tok := token.New(token.APIKey)
	require.Equal(t, sha256.Sum256([]byte(tok)), token.Hash(tok))
	require.NotEqual(t, token.Hash(tok), token.Hash(tok+"x"))
}
