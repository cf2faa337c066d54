package app_test

import (
	"crypto/ed25519"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
)

// token makes an enrolment token for a host of that name, as it is printed.
func (r *running) token(t *testing.T, name string) string {
	t.Helper()
	made, err := r.CreateEnrollmentToken(t.Context(), wire.TokenInput{Name: name})
	require.NoError(t, err)
	return made.Printed
}

// enrolledHost is an agent and who it is.
type enrolledHost struct {
	*client.Client
	wire.Enrolled
}

// enrolled makes an agent as a host would, and returns it.
func (r *running) enrolled(t *testing.T, name string) *client.Client {
	return r.enrolls(t, name).Client
}

func (r *running) enrolls(t *testing.T, name string) enrolledHost {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	anybody, err := client.New(r.URL)
	require.NoError(t, err)
	secret, _, _ := strings.Cut(r.token(t, name), ".")
	id, err := anybody.Enroll(t.Context(), key, wire.Enroll{Token: secret})
	require.NoError(t, err)
	agent, err := client.New(r.URL, client.WithAgent(id.AgentID, id.InstallationID, key))
	require.NoError(t, err)
	return enrolledHost{agent, id}
}

// bundle waits until the agent has its first bundle, and returns its tag.
func bundle(t *testing.T, agent *client.Client) (tag string) {
	t.Helper()
	for changed := false; !changed; {
		var err error
		_, tag, changed, err = agent.Bundle(t.Context(), "", time.Second, time.Time{})
		require.NoError(t, err)
	}
	return tag
}

func TestRevokingEndsAPollThatWaits(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(t.TempDir(), "data"))
	agent := server.enrolled(t, "db-01")
	tag := bundle(t, agent)
	ended := make(chan error, 1)
	go func() {
		_, _, _, err := agent.Bundle(t.Context(), tag, 50*time.Second, time.Time{})
		ended <- err
	}()
	// The server counts a poll as a sign of life before it waits.
	until(t, "the poll is there", func() bool {
		a, err := server.Agent(t.Context(), "db-01")
		return err == nil && a.Status.LastSeenAt != nil
	})
	begin := time.Now()
	_, err := server.RevokeAgent(t.Context(), "db-01")
	require.NoError(t, err)
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(<-ended))
	require.Less(t, time.Since(begin), time.Second)
	_, err = agent.CheckIns(t.Context(), nil)
	require.Equal(t, crontopus.CodeUnauthorized, crontopus.ErrorCode(err), "nor anything else")
}
