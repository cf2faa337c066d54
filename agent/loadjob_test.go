package agent_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
	"crontopus.dev/crontopus/envelope"
)

// A run takes a short way to its job; whatever is written in the jobs does not lead it astray, and
// a bundle of another form is walked through.
func TestLoadJobWhateverTheBundleLooksLike(t *testing.T) {
	s := newSite(t)
	b := s.bundle(1, "a", "b", "c")
	b.Jobs[0].Spec.Run.Environment = map[string]string{"apiVersion": "b", "metadata": `"b"`, "revisions": "],\"revisions\":{"}
	b.Jobs[0].Spec.Run.Script, b.Jobs[0].Spec.Run.Command = `{"apiVersion":"crontopus.dev/v1","kind":"Job","metadata":{"name":"b","namespace":"default"}}],"revisions":{"default/b":"x"}}`, nil
	b.Jobs[2].Metadata.Namespace = "other"
	b.Revisions["other/c"] = "main@sha1:c"
	compact, err := json.Marshal(b)
	require.NoError(t, err)
	indented, err := json.MarshalIndent(b, "", "  ")
	require.NoError(t, err)
	var sorted map[string]any // which is written in another order
	require.NoError(t, json.Unmarshal(compact, &sorted))
	reordered, err := json.Marshal(sorted)
	require.NoError(t, err)
	for form, payload := range map[string][]byte{"as the server writes it": compact, "indented": indented, "members in another order": reordered} {
		t.Run(form, func(t *testing.T) {
			raw, err := envelope.Sign(crontopus.BundlePayloadType, payload, s.signer)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(s.state.BundleFile(), raw, 0o600))
			for i := range b.Jobs {
				got, revision, err := agent.LoadJob(s.state, b.Jobs[i].Name())
				require.NoError(t, err)
				require.Equal(t, &b.Jobs[i], got)
				require.Equal(t, "main@sha1:"+got.Metadata.Name, revision)
			}
			_, _, err = agent.LoadJob(s.state, named("c"))
			require.Equal(t, crontopus.CodeNotFound, crontopus.ErrorCode(err), "in another namespace there is one")
		})
	}
}
