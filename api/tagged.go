package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
)

// TagIn is the tag of the answer that a caller has, of what is polled; exported as PageIn is.
type TagIn struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"The ETag of the answer before: while there is no news, the answer is 304"`
}

// tagged is an answer of what is polled.
type tagged[T any] struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         T
}

// tag answers with value, or with 304 where the caller has an answer that says the same. said is
// what counts as news.
func tag[T any](have TagIn, value T, said any) (*tagged[T], error) {
	data, err := json.Marshal(said)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	out := &tagged[T]{Status: http.StatusOK, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`, CacheControl: "private, no-cache", Body: value}
	if matchTag(have.IfNoneMatch) == out.ETag {
		out.Status = http.StatusNotModified
	}
	return out, nil
}
