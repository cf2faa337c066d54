package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/agent"
)

func TestADaemonHearsThatThereIsSomethingInTheSpool(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	require.False(t, state.Ring(), "nobody ever listened")
	heard := make(chan struct{}, 100)
	stop, err := state.OnBell(func() { heard <- struct{}{} })
	require.NoError(t, err)
	for range 3 {
		require.True(t, state.Ring())
		<-heard
	}
	stop()
	require.False(t, state.Ring(), "the daemon has ended")

	stop, err = state.OnBell(func() { heard <- struct{}{} })
	require.NoError(t, err, "the next one takes the pipe over")
	defer stop()
	require.True(t, state.Ring())
	<-heard
}

func TestManyThatRingWhileTheDaemonIsBusyDoNotWait(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	busy, begun := make(chan struct{}), make(chan struct{}, 100_000)
	stop, err := state.OnBell(func() { begun <- struct{}{}; <-busy })
	require.NoError(t, err)
	defer stop()
	defer close(busy)
	require.True(t, state.Ring())
	<-begun
	for range 70_000 { // more than a pipe holds
		require.True(t, state.Ring())
	}
}

func TestWhereNoPipeCanBe(t *testing.T) {
	state := agent.State{Dir: filepath.Join(t.TempDir(), "gone")}
	_, err := state.OnBell(func() {})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.False(t, state.Ring())
}
