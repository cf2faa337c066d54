package manifests_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/manifests"
)

// BenchmarkDecode measures one manifest of 29 lines beside its floors: the library's
// lexer, and lexer and parser, alone. What is above the second is ours: guard, decoding
// from the tree, schema and rules.
func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("testdata/good/everything.yaml")
	require.NoError(b, err)
	text := string(data)
	b.Run("floor=tokenize", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			lexer.Tokenize(text)
		}
	})
	b.Run("floor=parse", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			_, err := parser.ParseBytes(data, 0)
			require.NoError(b, err)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			_, problems := manifests.Decode("everything.yaml", data)
			require.Empty(b, problems)
		}
	})
}

// BenchmarkLoad measures a tree of 1,000 files on all cores.
func BenchmarkLoad(b *testing.B) {
	fsys := fstest.MapFS{}
	for i := range 1000 {
		name := "job-" + string(rune('a'+i%26)) + "-" + string(rune('a'+i/26%26)) + "-" + string(rune('a'+i/676))
		fsys[name+".yaml"] = manifest(name)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, problems, err := manifests.Load(fsys, ".")
		require.NoError(b, err)
		require.Empty(b, problems)
	}
}
