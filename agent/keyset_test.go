package agent_test

import (
	"crypto/ed25519"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/envelope"
)

// recoveryKey is the installation's, kept offline.
var recoveryKey = seededKey(100)

// statement is the key set recovery.sequence of the keys, signed by signers.
func (s *site) statement(recovery, sequence int64, keys []ed25519.PrivateKey, signers ...ed25519.PrivateKey) []byte {
	s.Helper()
	set := crontopus.KeySet{Installation: s.id.InstallationID, Version: crontopus.KeySetVersion{Recovery: recovery, Sequence: sequence},
		Issued: issued, RecoveryKey: wireKey(recoveryKey)}
	for _, k := range keys {
		set.Keys = append(set.Keys, wireKey(k))
	}
	raw, err := envelope.SignKeySet(set, signers...)
	require.NoError(s, err)
	return raw
}

// rotated are the statements of an installation that went from key 1 to key 2.
func (s *site) rotated() [][]byte {
	one, two := seededKey(1), seededKey(2)
	return [][]byte{s.statement(0, 1, []ed25519.PrivateKey{one}, one), s.statement(0, 2, []ed25519.PrivateKey{two, one}, one, two)}
}

// follow takes statements over and checks that they are on the disk.
func (s *site) follow(statements ...[]byte) error {
	s.Helper()
	id, err := s.state.Follow(s.id, statements)
	kept, readErr := s.state.Identity()
	require.NoError(s, readErr)
	require.Equal(s, id, kept)
	s.id = id
	return err
}

func TestARotatedKeyIsTakenOverAndTheOldOneStillVerifies(t *testing.T) {
	s := newSite(t)
	s.accept(s.sign(s.bundle(1, "a")))
	require.NoError(t, s.follow(s.rotated()...))
	require.Equal(t, crontopus.KeySetVersion{Sequence: 2}, s.id.KeySetVersion)
	require.Equal(t, wireKey(recoveryKey), s.id.RecoveryKey, "vouched for by a key that was pinned")
	require.Empty(t, s.id.Retired)
	require.Equal(t, []string{"a"}, s.inForce())
	_, refusal := s.accept(s.sign(s.bundle(2, "b"))) // by the old key
	require.Nil(t, refusal)
	s.signer = seededKey(2)
	_, refusal = s.accept(s.sign(s.bundle(3, "c")))
	require.Nil(t, refusal)
	_, refusal = s.accept(s.sign(s.bundle(1, "a")))
	require.Equal(t, crontopus.RefusedRollback, refusal.Code, "a new key opens no way back")
}

func TestADroppedKeySignsNothingNewAndJobsKeepRunning(t *testing.T) {
	s := newSite(t)
	s.accept(s.sign(s.bundle(3, "a")))
	two := seededKey(2)
	require.NoError(t, s.follow(append(s.rotated(), s.statement(0, 3, []ed25519.PrivateKey{two}, two))...))
	require.Equal(t, []string{"a"}, s.inForce(), "signed by the key that went")
	_, _, err := agent.LoadJob(s.state, named("a"))
	require.NoError(t, err)
	_, refusal := s.accept(s.sign(s.bundle(4, "b")))
	require.Equal(t, crontopus.RefusedSignature, refusal.Code)

	s.signer = two
	_, refusal = s.accept(s.sign(s.bundle(2, "b")))
	require.Equal(t, crontopus.RefusedRollback, refusal.Code)
	renewed := s.bundle(3, "a") // the same generation, signed afresh
	renewed.Expires = renewed.Expires.Add(time.Hour)
	_, refusal = s.accept(s.sign(renewed))
	require.Nil(t, refusal)
	require.Equal(t, []string{"a"}, s.inForce())
}

// A thief with the signing key has raised the generation beyond all that is to come. The recovery
// key ends that.
func TestARecoveryBeginsAnew(t *testing.T) {
	s := newSite(t)
	s.accept(s.sign(s.bundle(1<<62, "evil")))
	require.NoError(t, s.follow(s.rotated()[0]))
	four := seededKey(4)
	require.NoError(t, s.follow(s.statement(1_700_000_000, 1, []ed25519.PrivateKey{four}, recoveryKey, four)))
	_, refusal := s.accept(s.sign(s.bundle(1<<62+1, "evil")))
	require.Equal(t, crontopus.RefusedSignature, refusal.Code)
	s.signer = four
	_, refusal = s.accept(s.sign(s.bundle(1, "a")))
	require.Nil(t, refusal)
	require.Equal(t, []string{"a"}, s.inForce())
	_, refusal = s.accept(s.sign(s.bundle(2, "b")))
	require.Nil(t, refusal)
	_, refusal = s.accept(s.sign(s.bundle(1, "a")))
	require.Equal(t, crontopus.RefusedRollback, refusal.Code)
}

// The mark goes by what the identity says, and so not before that is written.
func TestARecoveryThatCannotBeWrittenDownOpensNoWayBack(t *testing.T) {
	s := newSite(t)
	s.accept(s.sign(s.bundle(7, "a")))
	require.NoError(t, s.follow(s.rotated()[0]))
	identity, err := os.ReadFile(s.state.IdentityFile())
	require.NoError(t, err)
	require.NoError(t, os.Remove(s.state.IdentityFile()))
	require.NoError(t, os.MkdirAll(s.state.IdentityFile()+"/in the way", 0o700))
	four := seededKey(4)
	_, err = s.state.Follow(s.id, [][]byte{s.statement(1_700_000_000, 1, []ed25519.PrivateKey{four}, recoveryKey, four)})
	require.Equal(t, crontopus.CodeUnavailable, crontopus.ErrorCode(err))

	require.NoError(t, os.RemoveAll(s.state.IdentityFile()))
	require.NoError(t, os.WriteFile(s.state.IdentityFile(), identity, 0o600))
	require.NoError(t, os.Remove(s.state.BundleFile()))
	_, refusal := s.accept(s.sign(s.bundle(6, "a")))
	require.NotNil(t, refusal)
	require.Equal(t, crontopus.RefusedRollback, refusal.Code)
}

func TestKeysOfNobodyAreRefused(t *testing.T) {
	s := newSite(t)
	s.id.RecoveryKey = wireKey(recoveryKey) // as a server sent it before there were statements
	four := seededKey(4)
	for name, raw := range map[string][]byte{
		"a stranger's": s.statement(0, 1, []ed25519.PrivateKey{four}, four),
		"a recovery by a key that nobody vouched for": s.statement(9, 1, []ed25519.PrivateKey{four}, recoveryKey, four),
	} {
		t.Run(name, func(t *testing.T) {
			id, err := s.state.Follow(s.id, [][]byte{raw})
			require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
			require.Equal(t, s.id, id)
		})
	}
}

func TestEnrollComesToTheKeysOfTodayFromAnOldToken(t *testing.T) {
	s, o, state := newSite(t), newOffice(t), agent.State{Dir: t.TempDir()}
	two := seededKey(2)
	o.answer.KeyStatements = append(s.rotated(), s.statement(0, 3, []ed25519.PrivateKey{two}, two))
	id, err := agent.Enroll(t.Context(), state, o.enrollment()) // with the fingerprint of key 1
	require.NoError(t, err)
	require.Equal(t, crontopus.KeySetVersion{Sequence: 3}, id.KeySetVersion)
	require.Len(t, id.KeySet, 1)
	require.Equal(t, wireKey(two), id.KeySet[0])
	require.Equal(t, wireKey(recoveryKey), id.RecoveryKey, "not the one that the answer claims beside the statements")
	require.NotEqual(t, o.answer.RecoveryKey, id.RecoveryKey)
	data, err := os.ReadFile(state.IdentityFile())
	require.NoError(t, err)
	require.NotContains(t, string(data), "keyStatements\": [", "what is trusted is kept, not how it came")
}

func TestEnrollRefusesStatementsOfOthers(t *testing.T) {
	s := newSite(t)
	nine := seededKey(9)
	for name, statements := range map[string][][]byte{
		"a stranger's":      {s.statement(0, 1, []ed25519.PrivateKey{nine}, nine)},
		"our key, unsigned": {s.statement(0, 1, []ed25519.PrivateKey{nine, seededKey(1)}, nine)},
		"not statements":    {[]byte("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			o, state := newOffice(t), agent.State{Dir: t.TempDir()}
			o.answer.KeyStatements = statements
			_, err := agent.Enroll(t.Context(), state, o.enrollment())
			require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err))
			_, err = state.Identity()
			require.Error(t, err)
		})
	}
	o, state := newOffice(t), agent.State{Dir: t.TempDir()}
	o.answer.KeyStatements, o.answer.InstallationID = s.rotated(), "another"
	_, err := agent.Enroll(t.Context(), state, o.enrollment())
	require.ErrorContains(t, err, "somebody stands between")
}

func TestDaemonFollowsTheServersKeys(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		d.signer = seededKey(2)
		d.server.rotate(crontopus.KeySetVersion{Sequence: 2}, d.rotated())
		d.publish(2, "b")
		d.after(3 * time.Second)
		require.Equal(t, []string{"b"}, d.table.names())
		require.Nil(t, d.server.lastReport(t).Refused)

		// All keys are replaced: the bundle in force stays until the first by the new key.
		four := seededKey(4)
		d.server.rotate(crontopus.KeySetVersion{Recovery: 5, Sequence: 1},
			append(d.rotated(), d.statement(5, 1, []ed25519.PrivateKey{four}, recoveryKey, four)))
		d.after(2 * time.Minute)
		require.Equal(t, []string{"b"}, d.table.names())
		kept, err := d.state.Identity()
		require.NoError(t, err)
		require.NotEmpty(t, kept.Retired)
		d.signer = four
		d.publish(1, "c")
		d.after(3 * time.Second)
		require.Equal(t, []string{"c"}, d.table.names())
		kept, err = d.state.Identity()
		require.NoError(t, err)
		require.Empty(t, kept.Retired)
	})
}

func TestDaemonTellsOfKeysThatNobodyItTrustsIntroduced(t *testing.T) {
	onDuty(t, func(d *duty) {
		d.publish(1, "a")
		nine := seededKey(9)
		d.server.rotate(crontopus.KeySetVersion{Sequence: 7}, [][]byte{d.statement(0, 7, []ed25519.PrivateKey{nine}, nine)})
		d.signer = nine
		d.publish(2, "evil")
		d.after(3 * time.Second)
		require.Equal(t, []string{"a"}, d.table.names())
		require.Equal(t, crontopus.RefusedSignature, d.server.lastReport(t).Refused.Code)
		asked := d.server.asked
		d.after(10 * time.Minute)
		require.Equal(t, asked, d.server.asked, "not asked for over and over")
	})
}
