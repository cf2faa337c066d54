package manifests_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

func TestForeignDocumentsAreReadWithTheirLines(t *testing.T) {
	t.Parallel()
	documents, problems := manifests.ReadForeign("k8s.yaml", []byte("kind: A\nlist: [1, two, true]\n---\nkind: B\nmode: 0644\nargs:\n  - |\n    one\n    two\n"))
	require.Empty(t, problems, "line breaks and modes are nothing that others do without")
	require.Len(t, documents, 2)
	require.Equal(t, manifests.Foreign{Value: map[string]any{"kind": "A", "list": []any{int64(1), "two", true}}, First: 1, Last: 2}, documents[0])
	require.Equal(t, []int{3, 9}, []int{documents[1].First, documents[1].Last})
	require.Equal(t, []any{"one\ntwo\n"}, documents[1].Value.(map[string]any)["args"])
}

func TestForeignDocumentsAreReadWithTheCareOfManifests(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]string{
		"a: &x [1]\nb: *x\n":                  manifests.CodeYAMLFeature,
		"a: \x00\n":                           manifests.CodeNotText,
		"a: 1\na: 2\n":                        manifests.CodeDuplicateKey,
		"a: 1\n---\nb: !!python/object:os {}": manifests.CodeYAMLFeature,
	} {
		_, problems := manifests.ReadForeign("x.yaml", []byte(text))
		require.NotEmpty(t, problems, "%.40q", text)
		require.Equal(t, code, problems[0].Code, "%.40q", text)
	}
}
