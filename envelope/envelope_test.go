package envelope_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus/envelope"
)

const payloadType = "application/vnd.crontopus.bundle+json"

// key returns the ed25519 key of a seed of 32 equal bytes.
func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func pinned(keys ...ed25519.PrivateKey) map[string]ed25519.PublicKey {
	set := map[string]ed25519.PublicKey{}
	for _, k := range keys {
		pub := k.Public().(ed25519.PublicKey)
		set[envelope.KeyID(pub)] = pub
	}
	return set
}

func sign(t testing.TB, payloadType, payload string, key ed25519.PrivateKey) []byte {
	t.Helper()
	raw, err := envelope.Sign(payloadType, []byte(payload), key)
	require.NoError(t, err)
	return raw
}

// The vector that the specification publishes (protocol.md, "Test Vectors"). Its
// signature is ECDSA over P-256, so it is checked here with the PAE that we make.
func TestSpecificationsVector(t *testing.T) {
	const published = `{"payload": "aGVsbG8gd29ybGQ=",
 "payloadType": "http://example.com/HelloWorld",
 "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}`

	pae := envelope.PAE("http://example.com/HelloWorld", []byte("hello world"))
	require.Equal(t, "DSSEv1 29 http://example.com/HelloWorld 11 hello world", string(pae))

	var e struct{ Signatures []struct{ Sig []byte } }
	require.NoError(t, json.Unmarshal([]byte(published), &e))
	sig := e.Signatures[0].Sig
	digest := sha256.Sum256(pae)
	pub := ecdsa.PublicKey{
		Curve: elliptic.P256(),
		X:     number(t, "46950820868899156662930047687818585632848591499744589407958293238635476079160"),
		Y:     number(t, "5640078356564379163099075877009565129882514886557779369047442380624545832820"),
	}
	require.True(t, ecdsa.Verify(&pub, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])))

	// The form is read; there is just no ed25519 key that signed it.
	_, _, err := envelope.Verify([]byte(published), "http://example.com/HelloWorld", pinned(key(1)))
	require.ErrorIs(t, err, envelope.ErrUntrusted)
}

func number(t *testing.T, decimal string) *big.Int {
	n, ok := new(big.Int).SetString(decimal, 10)
	require.True(t, ok)
	return n
}

// Vectors of our own: the specification has none for ed25519. The seeds are 32 bytes of
// 0x01 and of 0x02.
func TestOwnVectors(t *testing.T) {
	for _, v := range []struct {
		name, payloadType, payload string
		seed                       byte
		want                       string
	}{
		{"the specification's payload", "http://example.com/HelloWorld", "hello world", 1,
			`{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld","signatures":[{"keyid":"34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e","sig":"Nrk8af+XDppIl0eJ8+q/+iZzBrfcnO4JSOHj7OUiv6PchqFqZz2QZsHYymPKVGJB5hl52X/qzoeOScPJBhdVDg=="}]}`},
		{"nothing at all", "", "", 1,
			`{"payload":"","payloadType":"","signatures":[{"keyid":"34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e","sig":"hdsmwGWx8wgsLVcHcCqX99m6IVT0y7PSdjhghqBh7YiIrqev5vLAUuPlHGS7Wxe8JtsBz79PwQj9TPw8wrRNBQ=="}]}`},
		{"lengths are of bytes, not characters", "Größe", "ü\n\x00", 2,
			`{"payload":"w7wKAA==","payloadType":"Größe","signatures":[{"keyid":"6a3803d5f059902a1c6dafbc9ba4729212f7caac08634cc3ae76b27529f03827","sig":"bO0UU2/VsC5N6UtiMk6FGUdZ2pmg5Xh7yMo/hi1uF6sASJuDC8J0S+0+bNno/KS1tvNohs0SWS1LsKljAk06Aw=="}]}`},
	} {
		t.Run(v.name, func(t *testing.T) {
			raw := sign(t, v.payloadType, v.payload, key(v.seed))
			require.Equal(t, v.want, string(raw))
			payload, id, err := envelope.Verify(raw, v.payloadType, pinned(key(1), key(2)))
			require.NoError(t, err)
			require.Equal(t, v.payload, string(payload))
			require.Equal(t, envelope.KeyID(key(v.seed).Public().(ed25519.PublicKey)), id)
		})
	}
}

func TestVerifyAccepts(t *testing.T) {
	good := string(sign(t, payloadType, "??>>~~", key(1)))
	sigOf := func(raw string) string { return between(raw, `"signatures":[`, `]}`) }
	stranger := sigOf(string(sign(t, payloadType, "??>>~~", key(9))))

	for name, raw := range map[string]string{
		"as signed":                            good,
		"space around everything":              " \n" + strings.NewReplacer(":", " : ", ",", "\t,\r\n", "{", "{ ", "]", " ]").Replace(good) + "\n",
		"members in another order":             `{"signatures":[` + sigOf(good) + `],"payloadType":"` + payloadType + `","payload":"Pz8+Pn5+"}`,
		"URL-safe base64":                      strings.Replace(good, "Pz8+Pn5+", "Pz8-Pn5-", 1),
		"no key id":                            good[:strings.Index(good, `"keyid"`)] + good[strings.Index(good, `"sig":`):],
		"escapes as other encoders write them": strings.Replace(good, "application/", `application\/`, 1),
		"a stranger's signature before":        strings.Replace(good, sigOf(good), stranger+","+sigOf(good), 1),
		"an unreadable signature before":       strings.Replace(good, sigOf(good), `{"sig":"!"},`+sigOf(good), 1),
	} {
		t.Run(name, func(t *testing.T) {
			payload, id, err := envelope.Verify([]byte(raw), payloadType, pinned(key(1), key(2)))
			require.NoError(t, err, raw)
			require.Equal(t, "??>>~~", string(payload))
			require.Contains(t, pinned(key(1)), id)
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	good := string(sign(t, payloadType, "hello world!", key(1)))
	sig := between(good, `"signatures":[`, `]}`)
	edit := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct {
		name, raw string
		want      error
	}{
		{"empty", "", envelope.ErrMalformed},
		{"not JSON", "hello", envelope.ErrMalformed},
		{"null", "null", envelope.ErrMalformed},
		{"no member at all", "{}", envelope.ErrMalformed},
		{"half of it", good[:len(good)/2], envelope.ErrMalformed},
		{"text after the end", good + "{}", envelope.ErrMalformed},
		{"a member twice", edit(`{"payload":`, `{"payload":"aGk=","payload":`), envelope.ErrMalformed},
		{"a member in other letters", edit(`"payload":`, `"Payload":`), envelope.ErrMalformed},
		{"an unknown member", edit(`{"payload":`, `{"extra":"","payload":`), envelope.ErrMalformed},
		{"a number for the payload", edit(`"aGVsbG8gd29ybGQh"`, `1`), envelope.ErrMalformed},
		{"base64 with loose last bits", edit("aGVsbG8gd29ybGQh", "aGV="), envelope.ErrMalformed},
		{"base64 without padding", edit("aGVsbG8gd29ybGQh", "aGVsbA"), envelope.ErrMalformed},
		{"base64 with a line break", edit("aGVsbG8gd29ybGQh", `aGVsbG8g\nd29ybGQh`), envelope.ErrMalformed},
		{"base64 of two alphabets", edit("aGVsbG8gd29ybGQh", `aGV-bG8+`), envelope.ErrMalformed},
		{"a control character", edit("aGVsbG8gd29ybGQh", "aGVs\x01bG8"), envelope.ErrMalformed},
		{"not UTF-8", edit("application", "applicati\xff"), envelope.ErrMalformed},
		{"no signature", edit(sig, ""), envelope.ErrMalformed},
		{"more signatures than one needs", edit(sig, strings.Repeat(sig+",", envelope.MaxSignatures)+sig), envelope.ErrMalformed},
		{"larger than any bundle", good + strings.Repeat(" ", envelope.MaxSize), envelope.ErrMalformed},
		{"another payload", edit("aGVsbG8gd29ybGQh", "aGVsbG8gd29ybGQ/"), envelope.ErrUntrusted},
		{"another type", edit(payloadType, "text/plain"), envelope.ErrUntrusted},
		{"a stranger's signature", string(sign(t, payloadType, "hello world!", key(9))), envelope.ErrUntrusted},
		{"a stranger who names our key", edit(sig, `{"keyid":"`+envelope.KeyID(key(1).Public().(ed25519.PublicKey))+`",`+
			`"sig":"`+between(string(sign(t, payloadType, "hello world!", key(9))), `"sig":"`, `"`)+`"}`), envelope.ErrUntrusted},
		{"our key, but another type", string(sign(t, "text/plain", "hello world!", key(1))), envelope.ErrWrongType},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, id, err := envelope.Verify([]byte(c.raw), payloadType, pinned(key(1), key(2)))
			require.ErrorIs(t, err, c.want)
			require.Nil(t, payload)
			require.Empty(t, id)
		})
	}
}

func TestVerifyWithoutKeysTrustsNobody(t *testing.T) {
	raw := sign(t, payloadType, "hello", key(1))
	for name, keys := range map[string]map[string]ed25519.PublicKey{
		"nil":         nil,
		"a short key": {envelope.KeyID(key(1).Public().(ed25519.PublicKey)): ed25519.PublicKey("short")},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := envelope.Verify(raw, payloadType, keys)
			require.ErrorIs(t, err, envelope.ErrUntrusted)
		})
	}
}

func TestSignRefusesHalfAKey(t *testing.T) {
	_, err := envelope.Sign(payloadType, nil, make(ed25519.PrivateKey, 40))
	require.Error(t, err)
}

// Whatever single byte is changed, the payload that comes out is the one that went in,
// or none.
func TestOneByteChanged(t *testing.T) {
	const payload = "a bundle of one job"
	raw := sign(t, payloadType, payload, key(1))
	rapid.Check(t, func(t *rapid.T) {
		changed := bytes.Clone(raw)
		changed[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "to")
		got, _, err := envelope.Verify(changed, payloadType, pinned(key(1)))
		if err == nil {
			require.Equal(t, payload, string(got))
		}
	})
}

func TestAnyPayloadComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind, payload := rapid.String().Draw(t, "type"), rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
		raw, err := envelope.Sign(kind, payload, key(1))
		require.NoError(t, err)
		got, _, err := envelope.Verify(raw, kind, pinned(key(1)))
		require.NoError(t, err)
		require.Equal(t, string(payload), string(got))
	})
}

// FuzzVerify: no input makes Verify panic, hand out what was not signed, or read other
// members than encoding/json does.
func FuzzVerify(f *testing.F) {
	good := string(sign(f, payloadType, "hello world", key(1)))
	for _, seed := range []string{
		good, good[:len(good)-1], strings.Replace(good, "=", `\u003d`, 1), strings.Replace(good, `"sig"`, `"keyid":"","sig"`, 1),
		`{"payload":"","payloadType":"","signatures":[]}`, `{"payload":"\\\"","signatures":[{}]}`, "[[[[", `{"payload`,
	} {
		f.Add([]byte(seed))
	}
	keys := pinned(key(1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		payload, id, err := envelope.Verify(raw, payloadType, keys)
		if err != nil {
			require.Nil(t, payload)
			return
		}
		require.Equal(t, "hello world", string(payload), "only this was ever signed")
		require.Contains(t, keys, id)
		var e struct {
			Payload     string
			PayloadType string
		}
		require.NoError(t, json.Unmarshal(raw, &e))
		require.Equal(t, payloadType, e.PayloadType)
	})
}

// BenchmarkVerify sets a whole verification of a 100 KB envelope against its floor, the
// bare signature check over the same bytes.
func BenchmarkVerify(b *testing.B) {
	payload := []byte(strings.Repeat(`{"metadata":{"name":"nightly"}},`, 100<<10/32*3/4))
	raw := sign(b, payloadType, string(payload), key(1))
	keys := pinned(key(1))
	b.Run("envelope", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if _, _, err := envelope.Verify(raw, payloadType, keys); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		pae := envelope.PAE(payloadType, payload)
		sig := ed25519.Sign(key(1), pae)
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if !ed25519.Verify(key(1).Public().(ed25519.PublicKey), pae, sig) {
				b.Fatal("not verified")
			}
		}
	})
}

func between(s, begin, end string) string {
	_, s, _ = strings.Cut(s, begin)
	s, _, _ = strings.Cut(s, end)
	return s
}
