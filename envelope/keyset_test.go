package envelope_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
)

func public(seed byte) crontopus.Key {
	return envelope.PublicKey(key(seed).Public().(ed25519.PublicKey))
}

const recoverySeed = 100

// keySet is version recovery.sequence with the keys of the seeds.
func keySet(recovery, sequence int64, seeds ...byte) crontopus.KeySet {
	set := crontopus.KeySet{Installation: "inst", Version: crontopus.KeySetVersion{Recovery: recovery, Sequence: sequence},
		Issued: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), RecoveryKey: public(recoverySeed)}
	for _, seed := range seeds {
		set.Keys = append(set.Keys, public(seed))
	}
	return set
}

func state(t testing.TB, set crontopus.KeySet, signers ...byte) []byte {
	t.Helper()
	var keys []ed25519.PrivateKey
	for _, seed := range signers {
		keys = append(keys, key(seed))
	}
	raw, err := envelope.SignKeySet(set, keys...)
	require.NoError(t, err)
	return raw
}

// history is an installation's life: made with key 1, rotated to 2, 1 dropped, rotated to 3, then
// all of it replaced by 4.
func history(t testing.TB) [][]byte {
	return [][]byte{
		state(t, keySet(0, 1, 1), 1),
		state(t, keySet(0, 2, 2, 1), 1, 2),
		state(t, keySet(0, 3, 2), 2),
		state(t, keySet(0, 4, 3, 2), 2, 3),
		state(t, keySet(1_700_000_000, 1, 4), recoverySeed, 4),
	}
}

func TestWhoeverTrustsAKeyOfThePastComesToTheNewest(t *testing.T) {
	all := history(t)
	for seed := byte(1); seed <= 4; seed++ { // the fingerprint of a token, however old
		set, err := envelope.Pin(public(seed).ID, all)
		require.NoError(t, err, "key %d", seed)
		require.Equal(t, keySet(1_700_000_000, 1, 4), set)
	}
	for known := 1; known <= len(all); known++ { // an agent that was away for long
		set, err := envelope.Pin(public(1).ID, all[:known])
		require.NoError(t, err)
		set, err = envelope.Advance(set, all)
		require.NoError(t, err)
		require.Equal(t, keySet(1_700_000_000, 1, 4), set)
	}
	again, err := envelope.Advance(keySet(1_700_000_000, 1, 4), all)
	require.NoError(t, err)
	require.Equal(t, keySet(1_700_000_000, 1, 4), again, "older statements are no news")
}

func TestNoStatementCountsThatNobodyTrustedSigned(t *testing.T) {
	trusted := keySet(0, 2, 2, 1)
	other := keySet(0, 3, 3)
	other.Installation = "another"
	thief := keySet(0, 3, 2)
	thief.RecoveryKey = public(99)
	for name, raw := range map[string][]byte{
		"a stranger's":                              state(t, keySet(0, 3, 9), 9),
		"the recovery key's without a recovery":     state(t, keySet(0, 3, 9), recoverySeed),
		"a recovery by a signing key":               state(t, keySet(1, 1, 2), 2, 1),
		"a recovery by a stranger":                  state(t, keySet(1, 1, 9), 9),
		"of another installation":                   state(t, other, 2),
		"another recovery key, by a signing key":    state(t, thief, 2),
		"another type of payload, by a trusted key": sign(t, payloadType, `{"version":{"recovery":0,"sequence":3}}`, key(2)),
		"a key whose id is another's": sign(t, crontopus.KeySetPayloadType,
			`{"installation":"inst","version":{"recovery":0,"sequence":3},"keys":[{"id":"`+public(2).ID+`","public":"AAAA"}]}`, key(2)),
		"not a statement": []byte("{}"),
	} {
		t.Run(name, func(t *testing.T) {
			set, err := envelope.Advance(trusted, [][]byte{raw})
			require.Error(t, err)
			require.Equal(t, trusted, set)
			// What follows and is good counts all the same.
			set, err = envelope.Advance(trusted, [][]byte{raw, state(t, keySet(0, 4, 3), 2)})
			require.NoError(t, err)
			require.Equal(t, keySet(0, 4, 3), set)
		})
	}
	_, err := envelope.Pin(public(9).ID, history(t))
	require.ErrorIs(t, err, envelope.ErrUntrusted)
	_, err = envelope.Advance(trusted, make([][]byte, envelope.MaxStatements+1))
	require.ErrorIs(t, err, envelope.ErrMalformed)
}

// A thief with a signing key can say whatever he likes, up to the highest version: the
// recovery key still ends it.
func TestARecoveryOutranksWhateverAStolenKeySigned(t *testing.T) {
	set, err := envelope.Advance(keySet(0, 1, 1), [][]byte{state(t, keySet(0, 1<<62, 66), 1)})
	require.NoError(t, err)
	require.Equal(t, public(66), set.Keys[0])
	set, err = envelope.Advance(set, history(t))
	require.NoError(t, err)
	require.Equal(t, []crontopus.Key{public(4)}, set.Keys)
	again, err := envelope.Advance(set, [][]byte{state(t, keySet(0, 1<<62, 66), 1)})
	require.NoError(t, err)
	require.Equal(t, set, again)
}

// An agent of a time before statements has a recovery key that nobody vouched for.
func TestTheFirstStatementBringsTheRecoveryKey(t *testing.T) {
	unvouched := crontopus.KeySet{Installation: "inst", Keys: []crontopus.Key{public(1)}}
	set, err := envelope.Advance(unvouched, [][]byte{state(t, keySet(0, 1, 1), 1)})
	require.NoError(t, err)
	require.Equal(t, public(recoverySeed), set.RecoveryKey)
	_, err = envelope.Advance(unvouched, [][]byte{state(t, keySet(1, 1, 4), recoverySeed, 4)})
	require.Error(t, err)
}

func TestNamesSigner(t *testing.T) {
	raw := sign(t, payloadType, "hello", key(1))
	require.True(t, envelope.NamesSigner(raw, public(1).ID))
	require.False(t, envelope.NamesSigner(raw, public(2).ID))
}

func TestSignNeedsAKey(t *testing.T) {
	_, err := envelope.Sign(payloadType, nil)
	require.Error(t, err)
	_, err = envelope.SignKeySet(crontopus.KeySet{}, key(1))
	require.ErrorIs(t, err, envelope.ErrMalformed)
}
