//go:build unix

package agent

import (
	"os/user"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheHostsOwnProgramsKnowItsUsers(t *testing.T) {
	for _, name := range []string{"root", "nobody"} {
		known, err := user.Lookup(name)
		require.NoError(t, err)
		groups, err := known.GroupIds()
		require.NoError(t, err)

		found, theirs, err := nssUser(name)
		require.NoError(t, err)
		require.Equal(t, known.Username, found.Username)
		require.Equal(t, known.Uid, found.Uid)
		require.Equal(t, known.Gid, found.Gid)
		require.Equal(t, known.HomeDir, found.HomeDir)
		require.ElementsMatch(t, groups, theirs)
	}
}

func TestWhoIsNobodyIsUnknown(t *testing.T) {
	for _, name := range []string{"no-such-user-here", "0", "", "-i", "root:x"} {
		for _, find := range []func(string) (*user.User, []string, error){nssUser, lookUpUser} {
			_, _, err := find(name)
			require.ErrorAs(t, err, new(user.UnknownUserError), "%q", name)
		}
	}
}

func TestWhoOwnsANumber(t *testing.T) {
	for _, id := range []string{"0", "65534"} {
		known, err := user.LookupId(id)
		require.NoError(t, err)
		found, err := lookUpUserID(id)
		require.NoError(t, err)
		require.Equal(t, known.Username, found.Username)
		require.Equal(t, known.Username, getent(t.Context(), id).Username)
	}
	for _, id := range []string{"4294000000", "root", ""} {
		_, err := lookUpUserID(id)
		require.Error(t, err, "%q", id)
	}
}
