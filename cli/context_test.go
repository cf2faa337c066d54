package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResolveTakesEachPartFromTheFirstThatHasIt(t *testing.T) {
	t.Parallel()
	stored := connection{"https://stored", "ctk_stored"}
	for _, c := range []struct {
		name             string
		flags, env, want connection
	}{
		{"nothing but what is stored", connection{}, connection{}, stored},
		{"the environment over what is stored", connection{}, connection{"https://env", "ctk_env"}, connection{"https://env", "ctk_env"}},
		{"a flag over the environment", connection{"https://flag", "ctk_flag"}, connection{"https://env", "ctk_env"}, connection{"https://flag", "ctk_flag"}},
		{"a server by flag, the key by environment", connection{Server: "https://flag"}, connection{APIKey: "ctk_env"}, connection{"https://flag", "ctk_env"}},
		{"another key for the stored server", connection{APIKey: "ctk_flag"}, connection{}, connection{"https://stored", "ctk_flag"}},
		{"the stored key is not for another server", connection{Server: "https://other"}, connection{}, connection{"https://other", ""}},
		{"the stored server by name, with a slash", connection{Server: "https://stored/"}, connection{}, connection{"https://stored/", "ctk_stored"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, resolve(c.flags, c.env, stored))
		})
	}
}
