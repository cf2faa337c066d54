package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
)

// private starts a server that may reach a repository which asks for the bot's password.
func private(t *testing.T, data string) (*running, *gittest.Server) {
	t.Helper()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "a job", map[string]string{"hello.yaml": helloJob})
	server := repo.Serve(t)
	server.RequireAuth("bot", "t0ken")
	return start(t, data, reaching), server
}

func reaching(o *app.Options) { o.AllowNetworks = []string{"127.0.0.0/8"} }

// stands waits until the source stands like that, and returns why.
func stands(t *testing.T, r *running, reason string) (message string) {
	t.Helper()
	until(t, "the source says "+reason, func() bool {
		source, err := r.Source(t.Context(), "fleet")
		for _, c := range source.Status.Conditions {
			if c.Type == crontopus.ConditionReady && c.Reason == reason {
				message = c.Message
				return err == nil
			}
		}
		return false
	})
	return message
}

func TestASourceWithAWrongPasswordRecoversWithAnother(t *testing.T) {
	r, forge := private(t, t.TempDir())
	_, err := r.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: forge.URL, Branch: gittest.Branch, Username: "bot", Password: "expired"})
	require.NoError(t, err)
	require.Contains(t, stands(t, r, crontopus.ReasonAuthenticationFailed), "crontopus sources credentials fleet --password-file F")

	changed, err := r.ChangeSourceCredentials(t.Context(), "fleet", wire.SourceCredentials{Password: "t0ken"})
	require.NoError(t, err)
	require.Empty(t, changed.WebhookSecret, "it stays as it was")
	stands(t, r, crontopus.ReasonSynced)

	// The token is taken back at the forge: the jobs stay until the next one is known.
	forge.RequireAuth("bot", "next")
	require.NoError(t, r.SyncSource(t.Context(), "fleet"))
	stands(t, r, crontopus.ReasonAuthenticationFailed)
	_, err = r.Job(t.Context(), crontopus.JobName{Namespace: "default", Name: "hello"})
	require.NoError(t, err)
	_, err = r.ChangeSourceCredentials(t.Context(), "fleet", wire.SourceCredentials{Password: "next"})
	require.NoError(t, err)
	stands(t, r, crontopus.ReasonSynced)
}

func TestASourceWhoseCredentialsNobodyCanOpenGetsOthers(t *testing.T) {
	data := t.TempDir()
	r, forge := private(t, data)
	_, err := r.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: forge.URL, Branch: gittest.Branch, Username: "bot", Password: "t0ken"})
	require.NoError(t, err)
	stands(t, r, crontopus.ReasonSynced)
	r.stop()
	makeBoxKey(t, data)

	r = start(t, data, reaching)
	require.NoError(t, r.SyncSource(t.Context(), "fleet"))
	require.Contains(t, stands(t, r, crontopus.ReasonAuthenticationFailed), "enter all of them anew: crontopus sources credentials fleet")
	changed, err := r.ChangeSourceCredentials(t.Context(), "fleet", wire.SourceCredentials{Username: "bot", Password: "t0ken"})
	require.NoError(t, err)
	require.True(t, changed.Replaced)
	require.NotEmpty(t, changed.WebhookSecret)
	stands(t, r, crontopus.ReasonSynced)
	_, err = r.Job(t.Context(), crontopus.JobName{Namespace: "default", Name: "hello"})
	require.NoError(t, err)
}
