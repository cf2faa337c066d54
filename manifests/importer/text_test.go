package importer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests/importer"
)

func TestLinesAreShownAsTheyAreRead(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"UTF-8":              "a é\nb\n",
		"a byte order mark":  "\ufeffa é\r\nb\r\n",
		"Latin-1":            "a \xe9\nb\n",
		"UTF-16 of Windows":  "\xff\xfea\x00 \x00\xe9\x00\r\x00\n\x00b\x00\n\x00",
		"UTF-16, high first": "\xfe\xff\x00a\x00 \x00\xe9\x00\n\x00b\x00\n",
		"no end of the last": "a é\nb",
	} {
		require.Equal(t, []string{"a é", "b"}, importer.Lines([]byte(data))[:2], name)
	}
}
