package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

// reasons are what the ends among check-ins say, as codes.
func reasons(checkIns []crontopus.CheckIn) []string {
	all := []string{}
	for _, c := range checkIns {
		if c.Final() {
			all = append(all, string(c.Event)+": "+c.Reason)
		}
	}
	return all
}

func TestEachWayNotToGoWellHasItsReason(t *testing.T) {
	for _, c := range []struct {
		name string
		run  crontopus.RunSpec
		want string
	}{
		{"an exit code tells by itself", sh("exit 3"), "failure: "},
		{"success has none", sh("true"), "success: "},
		{"no such user", crontopus.RunSpec{Command: []string{"true"}, User: "nobody-of-that-name"}, "skipped: userMissing"},
		{"no such folder", crontopus.RunSpec{Command: []string{"true"}, WorkingDirectory: "/nowhere"}, "failure: workingDirectoryMissing"},
		{"a file for a folder", crontopus.RunSpec{Command: []string{"true"}, WorkingDirectory: "/etc/passwd"}, "failure: workingDirectoryMissing"},
		{"no such secret", crontopus.RunSpec{Command: []string{"true"}, Secrets: map[string]string{"S": "file:/nowhere"}}, "failure: secretMissing"},
		{"no such program", crontopus.RunSpec{Command: []string{"no-such-program"}}, "failure: commandMissing"},
		{"no such program at its path", crontopus.RunSpec{Command: []string{"/nowhere/program"}}, "failure: commandMissing"},
		{"no such shell", crontopus.RunSpec{Script: "true", Shell: "/nowhere/sh"}, "failure: commandMissing"},
		{"what cannot be executed", crontopus.RunSpec{Command: []string{"/etc/passwd"}}, "failure: cannotStart"},
		{"a signal of somebody else's", sh("kill -TERM $$"), "failure: signal"},
		{"its timeout", crontopus.RunSpec{Script: "exec sleep 600", Timeout: crontopus.Duration(50 * time.Millisecond)}, "timeout: timedOut"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, c.run)
			h.rules.Users = append(h.rules.Users, "nobody-of-that-name")
			h.OOMKills = func() int64 { return 0 }
			_, _ = h.Exec(t.Context(), h.job.Name(), false) // what it returns is TestHowARunEnds's
			require.Equal(t, []string{c.want}, reasons(h.delivered(t)))
		})
	}
}

func TestWhatTheKernelKilledForWantOfMemory(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"the job itself", "kill -KILL $$", "failure: outOfMemory"},
		{"what its shell had started", "exit 137", "failure: outOfMemory"},
		{"somebody else, while the job failed by itself", "exit 3", "failure: "},
		{"somebody else, while the job went well", "true", "success: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, sh(c.script))
			var kills int64
			h.OOMKills = func() int64 { kills++; return kills }
			_, got := h.exec(t)
			require.Equal(t, []string{c.want}, reasons(got))
		})
	}
}

func TestWhereTheKernelCountsWhomItKills(t *testing.T) {
	root := t.TempDir()
	put := func(path, content string) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	require.Zero(t, agent.OOMKillsBelow(root), "nobody counts")
	put("proc/vmstat", "nr_free_pages 12\noom_kill 7\nballoon_inflate 0\n")
	require.Equal(t, int64(7), agent.OOMKillsBelow(root), "an older kernel counts for the whole host")
	put("proc/self/cgroup", "9:memory:/old\n0::/system.slice/cron.service\n")
	require.Equal(t, int64(7), agent.OOMKillsBelow(root), "the group does not count")
	put("sys/fs/cgroup/system.slice/cron.service/memory.events", "low 0\noom 5\noom_kill 3\noom_group_kill 9\n")
	require.Equal(t, int64(3), agent.OOMKillsBelow(root))
}

func TestARunThatCannotKeepItsClaimSaysSo(t *testing.T) {
	h := newHost(t, sh("true"))
	claim := filepath.Join(h.State.ClaimsDir(), "default.job")
	require.NoError(t, os.Mkdir(claim, 0o700)) // which no one can write to
	_, err := h.Exec(t.Context(), h.job.Name(), false)
	require.ErrorContains(t, err, "cannot keep the claims")
	require.Empty(t, h.delivered(t), "nobody knows which instant it was for")
}

func TestAnAgentThatStopsSaysSo(t *testing.T) {
	pipe := newPipe(t)
	h := newHost(t, sh("echo > "+pipe+"; exec sleep 600"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := h.Exec(ctx, h.job.Name(), false)
		ended <- err
	}()
	_, err := os.ReadFile(pipe)
	require.NoError(t, err)
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, []string{"failure: agentStopped"}, reasons(h.delivered(t)))
}
