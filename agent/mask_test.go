package agent

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// maskAll writes the pieces one after the other.
func maskAll(secrets []string, pieces ...string) string {
	var out strings.Builder
	m := newMasker(secrets)
	for _, p := range pieces {
		out.Write(m.mask([]byte(p)))
	}
	out.Write(m.rest())
	return out.String()
}

func TestSecretsAreMasked(t *testing.T) {
	for _, c := range []struct {
		name    string
		secrets []string
		pieces  []string
		want    string
	}{
		{"none", nil, []string{"hello"}, "hello"},
		{"an empty one", []string{""}, []string{"hello"}, "hello"},
		{"in the middle", []string{"hunter2"}, []string{"my hunter2!"}, "my ***!"},
		{"cut by two writes", []string{"hunter2"}, []string{"my hun", "ter2!"}, "my ***!"},
		{"a byte at a time", []string{"hunter2"}, strings.Split("my hunter2!", ""), "my ***!"},
		{"almost", []string{"hunter2"}, []string{"hunter", "3 hunte"}, "hunter3 hunte"},
		{"twice in a row", []string{"ab"}, []string{"abab"}, "***"},
		{"one inside another", []string{"secret", "cre"}, []string{"secret cre"}, "*** ***"},
		{"one begins the other", []string{"pass", "password"}, []string{"password pass passwor"}, "*** *** ***wor"},
		{"overlapping", []string{"abc", "cde"}, []string{"xabcdex"}, "x***x"},
		{"overlapping itself", []string{"aba"}, []string{"xababax"}, "x***x"},
		{"false start within", []string{"aab"}, []string{"aaab"}, "a***"},
		{"of several lines, printed with others between", []string{"-----BEGIN\nline-number-one\nline-number-two"}, []string{"> line-number-one\r\n> line-number-two\n"}, "> ***\r\n> ***\n"},
		{"bytes that are no text", []string{"\xff\x00"}, []string{"a\xff", "\x00b\xff"}, "a***b\xff"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, maskAll(c.secrets, c.pieces...)) })
	}
}

func TestMaskingAgreesWithASearchAndDoesNotMindTheCuts(t *testing.T) {
	text := rapid.StringMatching(`[ab]{0,30}`)
	rapid.Check(t, func(t *rapid.T) {
		secrets := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,4}`), 0, 3).Draw(t, "secrets")
		all := text.Draw(t, "text")
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		require.Equal(t, slowMask(secrets, all), maskAll(secrets, all[:cut], all[cut:]))
	})
}

// slowMask is the rule as one would say it: every byte of every occurrence is hidden.
func slowMask(secrets []string, text string) string {
	hidden := make([]bool, len(text))
	for i := range text {
		for _, s := range secrets {
			if strings.HasPrefix(text[i:], s) {
				for j := range s {
					hidden[i+j] = true
				}
			}
		}
	}
	var out strings.Builder
	for i := range text {
		if !hidden[i] {
			out.WriteByte(text[i])
		} else if i == 0 || !hidden[i-1] {
			out.WriteString(masked)
		}
	}
	return out.String()
}

func TestMaskingALongSecretStaysLinear(t *testing.T) {
	secret := strings.Repeat("a", maxSecret)
	m := newMasker([]string{secret + "b", secret})
	out := m.mask(bytes.Repeat([]byte("a"), 1<<19)) // takes hours when every byte is compared with the whole secret
	require.Equal(t, masked, string(out))
}

func TestMaskingHoldsLittleMemory(t *testing.T) {
	secret := manyLines(maxSecret)
	m := newMasker([]string{secret})
	require.LessOrEqual(t, len(m.needles.nodes), 2*len(secret)+1, "a node for each byte of the whole and of the lines")
	for range 100 {
		m.mask([]byte(secret[:maxSecret/2] + "and now for something else\n"))
		require.LessOrEqual(t, len(m.held), len(secret))
	}
}

// manyLines is a secret of so many bytes, all of its lines different.
func manyLines(size int) string {
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, "%08x%08x\n", i*2654435761, i)
	}
	return text.String()[:size]
}

// BenchmarkMasking is what a job's output costs beside its floor, a copy of each byte in turn. A secret
// of four thousand lines may cost some times what one of a single line does, not thousands.
func BenchmarkMasking(b *testing.B) {
	output := []byte(strings.Repeat("2026-11-29T11:23:35Z 0000 copied 1,024 rows of orders\n", 1000))
	for _, c := range []struct{ name, secret string }{{"one line", "correct horse battery staple"}, {"4,000 lines", manyLines(maxSecret)}} {
		b.Run(c.name, func(b *testing.B) {
			m := newMasker([]string{c.secret})
			b.SetBytes(int64(len(output)))
			for b.Loop() {
				m.mask(output)
			}
		})
	}
	b.Run("floor", func(b *testing.B) {
		var seen byte
		b.SetBytes(int64(len(output)))
		for b.Loop() {
			for _, c := range output {
				seen ^= c
			}
		}
		runtime.KeepAlive(seen)
	})
}

func TestTheTailIsTheLastBytesInBoundedMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 40).Draw(t, "size")
		last := newTail(size)
		var all []byte
		for _, p := range rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 100)).Draw(t, "writes") {
			n, err := last.Write(p)
			require.NoError(t, err)
			require.Equal(t, len(p), n)
			all = append(all, p...)
			require.LessOrEqual(t, len(last.buf), 2*size)
		}
		require.Equal(t, string(all[max(0, len(all)-size):]), string(last.Bytes()))
	})
}

func TestPassthroughKeepsTheStreamsApartAndMasksBoth(t *testing.T) {
	size := crontopus.Size(100)
	var stdout, stderr bytes.Buffer
	c := newCapture(&crontopus.RunSpec{CaptureOutput: &size, Passthrough: true}, map[string]string{"P": "hunter2"}, &stdout, &stderr)
	c.stdout.drain(strings.NewReader("out hunter2\n"))
	c.stderr.drain(strings.NewReader("err hunter2\n"))
	require.Equal(t, "out ***\nerr ***\n", string(c.tail()))
	require.Equal(t, "out ***\n", stdout.String())
	require.Equal(t, "err ***\n", stderr.String())
}
