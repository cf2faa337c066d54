package examples_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/examples"
	"crontopus.dev/crontopus/manifests"
)

func TestQuickstartLoadsAndHasAJobForEveryMinute(t *testing.T) {
	t.Parallel()
	docs, problems, err := manifests.Load(examples.Quickstart(), ".")
	require.NoError(t, err)
	require.Empty(t, problems)
	schedules := map[string]crontopus.Schedules{}
	for _, doc := range docs {
		require.True(t, doc.Job.Spec.Target.All, "the demo's agents have no labels")
		require.Empty(t, doc.Job.Spec.Run.User, "the demo's agents run as whoever runs the demo")
		schedules[doc.Job.Name().String()] = doc.Job.Spec.Schedule
	}
	require.Equal(t, map[string]crontopus.Schedules{
		"default/hello":              {"* * * * *"},
		"default/heartbeat":          {"*/5 * * * *", "@reboot"},
		"maintenance/nightly-report": {"30 2 * * *"},
	}, schedules)
}

func TestQuickstartHelloIsWhereItIsSaidToBe(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(examples.Quickstart(), examples.QuickstartHelloFile)
	require.NoError(t, err)
	docs, problems := manifests.Decode(examples.QuickstartHelloFile, text)
	require.Empty(t, problems)
	require.Len(t, docs, 1)
	require.Equal(t, examples.QuickstartHello, docs[0].Job.Name())
	require.Equal(t, []string{"/bin/echo", examples.QuickstartGreeting}, docs[0].Job.Spec.Run.Command)
}
