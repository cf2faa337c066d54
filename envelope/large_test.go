package envelope_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/envelope"
)

// A large payload is decoded by two; every length meets in the middle in its own way.
func TestLargePayloadsComeBack(t *testing.T) {
	for size := 48<<10 - 20; size < 48<<10+20; size++ {
		payload := []byte(strings.Repeat("0123456789?>~", size/13+1))[:size]
		raw, err := envelope.Sign(payloadType, payload, key(1))
		require.NoError(t, err)
		got, _, err := envelope.Verify(raw, payloadType, pinned(key(1)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(payload, got), "%d bytes", size)
	}
}

func TestLargePayloadsAreReadAsStrictlyAsSmallOnes(t *testing.T) {
	good := sign(t, payloadType, strings.Repeat("hello world!", 10<<10), key(1))
	begin := bytes.Index(good, []byte("aGVsbG8gd29ybGQh"))
	size := strings.Count(string(good), "aGVsbG8gd29ybGQh") * 16
	for _, at := range []int{0, size/2 - 8, size/2 - 4, size / 2, size/2 + 4, size - 4} {
		for _, quad := range []string{"aG==", "aGU=", "====", "a*Vs", "aGV="} {
			t.Run(fmt.Sprint(at, quad), func(t *testing.T) {
				raw := bytes.Clone(good)
				copy(raw[begin+at:], quad)
				payload, _, err := envelope.Verify(raw, payloadType, pinned(key(1)))
				require.Error(t, err)
				require.Nil(t, payload)
				if at+4 < size { // at the end, some are another payload
					require.ErrorIs(t, err, envelope.ErrMalformed)
				}
			})
		}
	}
}
