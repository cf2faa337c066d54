// Package token makes the secrets that Crontopus hands out and recognises them again:
// a prefix that says what a secret is for, 256 random bits, and a checksum, so that a
// mistyped or cut-off one is told apart from a wrong one without asking the database.
// It knows nothing of who holds a token. Every package may import it.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"strings"
)

// Prefixes of the tokens in use. Secret scanners know a token by its prefix.
const (
	APIKey     = "ctk"
	Enrollment = "cte"
	Webhook    = "ctw"
	PingKey    = "ctp"
)

const (
	secretLen   = 43 // 256 bits in base62
	checksumLen = 6  // 32 bits in base62
	base        = 62
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// New returns prefix_SECRET, where SECRET is 256 random bits and their checksum.
func New(prefix string) string {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: the program ends if the system has no randomness
	body := base62(new(big.Int).SetBytes(secret[:]), secretLen)
	return prefix + "_" + body + checksum(prefix, body)
}

// Check reports whether s was made by New for the prefix, as far as its form tells. It
// says nothing about whether the token is in force.
func Check(s, prefix string) bool {
	body, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(body) != secretLen+checksumLen {
		return false
	}
	body, sum := body[:secretLen], body[secretLen:]
	for i := range len(body) {
		if strings.IndexByte(alphabet, body[i]) < 0 {
			return false
		}
	}
	return sum == checksum(prefix, body)
}

// Hash returns what is stored of a token. A plain SHA-256 is enough for 256 random bits:
// there is nothing to guess.
func Hash(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// checksum covers the prefix too, so that one kind of token is never taken for another.
func checksum(prefix, body string) string {
	sum := crc32.ChecksumIEEE([]byte(prefix + "_" + body))
	return base62(new(big.Int).SetUint64(uint64(sum)), checksumLen)
}

// base62 writes n with leading zeros to the given length.
func base62(n *big.Int, length int) string {
	digits := make([]byte, length)
	rest, digit := new(big.Int).Set(n), new(big.Int)
	for i := length - 1; i >= 0; i-- {
		rest.DivMod(rest, big.NewInt(base), digit)
		digits[i] = alphabet[digit.Int64()]
	}
	return string(digits)
}
