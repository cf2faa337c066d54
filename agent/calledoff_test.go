package agent_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

// meanwhile lets something happen while a run waits: before the job is looked for the second time.
func (h *host) meanwhile(happens func(h *host) error) {
	find, asked := h.Job, 0
	h.Job = func(name crontopus.JobName) (*crontopus.Job, string, error) {
		if asked++; asked == 2 {
			if err := happens(h); err != nil {
				return nil, "", err
			}
		}
		return find(name)
	}
}

// changes are what may happen to a job while a run of it waits, and why it does not go on.
var changes = []struct {
	name    string
	happens func(h *host) error
	why     string // with when it happened in the place of WHEN
}{
	{"nothing", func(*host) error { return nil }, ""},
	{"it is taken out of Git", func(*host) error {
		return crontopus.Errorf(crontopus.CodeNotFound, "no job default/job is meant for this host")
	}, "it was called off WHEN: no job default/job is meant for this host"},
	{"it does something else now", func(h *host) error {
		next := *h.job
		next.Spec.Run.Script = "echo other"
		h.job = &next
		return nil
	}, "the job was changed WHEN"},
	{"it is another of the same kind", func(h *host) error { // as a bundle that is read again has it
		next := *h.job
		next.Metadata.Description = "in other words"
		h.job = &next
		return nil
	}, ""},
	{"the policy forbids it", func(h *host) error {
		no := false
		h.rules.AllowScripts = &no
		return nil
	}, "it was called off WHEN: the host's policy does not allow scripts (allowScripts)"},
}

func TestWhatHappensDuringTheSplay(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, sh("echo ran"))
			h.job.Spec.Run.Splay = crontopus.Duration(20 * time.Millisecond)
			h.Now = func() time.Time { return at.Truncate(time.Minute) }
			h.meanwhile(c.happens)
			_, got := h.exec(t)
			want := map[int]string{0: "success"}
			if c.why != "" {
				want[0] = "skipped: " + strings.ReplaceAll(c.why, "WHEN", "while the run waited for its splay")
			}
			require.Equal(t, want, endings(got))
		})
	}
}

func TestWhatHappensInThePauseBeforeARetry(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, retried(sh("exit 3"), 1))
			h.meanwhile(c.happens)
			code, got := h.exec(t)
			require.Equal(t, 3, code)
			if c.why == "" {
				require.Equal(t, []string{"1 start: running", "1 failure: running", "2 start: running", "2 failure: failed"}, attempts(got))
				return
			}
			require.Equal(t, []string{"1 start: running", "1 failure: running", "1 failure: failed"}, attempts(got))
			require.Equal(t, strings.ReplaceAll(c.why, "WHEN", "before it was tried again"), got[2].Message)
			require.Equal(t, 3, *got[2].ExitCode)
		})
	}
}

func TestWhatHappensWhileTheLastRunIsReplaced(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			pipe := newPipe(t)
			h := newHost(t, replacing("echo > "+pipe+"; exec sleep 600"))
			first := h.begun(t, pipe)
			job := *h.job
			job.Spec.Run.Script = "true"
			next := &host{Runner: h.later(1, ""), job: &job, rules: h.rules}
			next.Job = func(crontopus.JobName) (*crontopus.Job, string, error) { return next.job, "", nil }
			next.Policy = func() (*agent.Policy, error) { return agent.NewPolicy(next.rules, os.Geteuid()), nil }
			next.meanwhile(c.happens)
			_, err := next.Exec(t.Context(), h.job.Name(), false)
			require.NoError(t, err)
			require.Equal(t, 143, first())
			want := "success"
			if c.why != "" {
				want = "skipped: " + strings.ReplaceAll(c.why, "WHEN", "while the run waited for the job's last one to end")
			}
			require.Equal(t, want, endings(h.delivered(t))[1])
		})
	}
}

func TestARunByHandIsTriedAgainAsItBegan(t *testing.T) {
	h := newHost(t, retried(sh("exit 3"), 1))
	_, err := h.Exec(t.Context(), h.job.Name(), true)
	require.NoError(t, err)
	require.Len(t, h.delivered(t), 4, "that it shows its output is no change of the job")
}

func TestPurgeLeavesNothing(t *testing.T) {
	s := newSite(t)
	for _, file := range []string{s.state.KeyFile(), s.state.NextKeyFile(), s.state.Dir + "/key.lock", s.state.Dir + "/bell", s.state.Dir + "/losses"} {
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	require.NoError(t, s.state.Purge())
	require.NoDirExists(t, s.state.Dir)
}

func TestAnUninstalledHostHasNoJobToTryAgain(t *testing.T) {
	s, k := newSite(t), newKept(t)
	s.accept(s.sign(s.bundle(1, "a")))
	_, _, err := agent.LoadJob(s.state, named("a"))
	require.NoError(t, err)
	_, err = agent.Uninstall(t.Context(), s.state, k.Scheduler)
	require.NoError(t, err)
	_, _, err = agent.LoadJob(s.state, named("a"))
	require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err))
	_, refusal := s.accept(s.sign(s.bundle(1, "a")))
	require.Nil(t, refusal, "a daemon that is started again gets its jobs back")
	_, _, err = agent.LoadJob(s.state, named("a"))
	require.NoError(t, err)
}
