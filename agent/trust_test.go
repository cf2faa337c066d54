package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

func TestAStateFolderThatOthersCanChangeIsRefused(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"written by everybody": func(t *testing.T, dir string) { chmod(t, dir, 0o777) },
		"like /tmp":            func(t *testing.T, dir string) { chmod(t, dir, 0o777|os.ModeSticky) },
		"of another user":      func(t *testing.T, dir string) { giveAway(t, dir) },
		"behind a link":        func(t *testing.T, dir string) { chmod(t, dir, 0o777); moveBehindLink(t, dir) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, sh("true"))
			require.NoError(t, os.WriteFile(h.State.IdentityFile(), []byte("{}"), 0o600))
			change(t, h.State.Dir)

			_, err := h.State.Identity()
			require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(err), "%v", err)
			require.NotEmpty(t, crontopus.ErrorHint(err))
			require.Equal(t, crontopus.CodeForbidden, crontopus.ErrorCode(h.State.Create()))
		})
	}
}

func TestAStateFolderThatOthersMayRead(t *testing.T) {
	state := agent.State{Dir: t.TempDir()}
	chmod(t, state.Dir, 0o755)
	require.NoError(t, state.Create())
}

// giveAway makes the folder another user's. Only root can; for anybody else, somebody
// else's folder is one that everybody may write to.
func giveAway(t *testing.T, dir string) {
	if os.Geteuid() != rootUID {
		chmod(t, dir, 0o777)
		return
	}
	require.NoError(t, os.Chown(dir, 12345, -1))
}

func moveBehindLink(t *testing.T, dir string) {
	elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
	require.NoError(t, os.Rename(dir, elsewhere))
	require.NoError(t, os.Symlink(elsewhere, dir))
}
