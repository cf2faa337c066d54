package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crontopus.dev/crontopus"
)

// Outcome is what came of sending a message once.
type Outcome struct {
	OK         bool
	Permanent  bool          // sending it again as it is will not help
	Answer     string        // what the channel said, or why there was none; without secrets
	RetryAfter time.Duration // what the channel asked for
	Took       []string      // who of the channel's recipients has it, where others are to be tried again
}

// maxAnswer is how much of an answer is kept, in characters.
const maxAnswer = 500

// mostPatience is how long a channel may put us off at once: an alert is not tomorrow's.
const mostPatience = time.Hour

// Failed is the outcome of an error before there was an answer: transient, for the network heals,
// but for what a person has to change, such as an address that the operator does not allow.
func Failed(err error) Outcome {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // the outer one spells the address, which may be a secret
	}
	answer := err.Error()
	permanent := false
	switch code := crontopus.ErrorCode(err); code {
	case crontopus.CodeForbidden, crontopus.CodeInvalid:
		permanent = true
		if hint := crontopus.ErrorHint(err); hint != "" {
			answer += "; " + hint
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		answer = "no answer in time: " + answer
	}
	return Outcome{Permanent: permanent, Answer: Line(answer, maxAnswer)}
}

// Refused is a permanent failure that is found before anything is sent.
func Refused(err error) Outcome {
	return Outcome{Permanent: true, Answer: Line(err.Error(), maxAnswer)}
}

// retryAfter reads the header, in seconds or as a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	d := time.Duration(0)
	if seconds, err := strconv.Atoi(value); err == nil {
		d = time.Duration(min(seconds, int(mostPatience/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), mostPatience)
}

// Mask takes secrets out of an answer, should a channel repeat them.
func Mask(answer string, secrets map[string]string) string {
	for reference, value := range secrets {
		if value = strings.TrimSpace(value); value != "" { // as it is sent
			answer = strings.ReplaceAll(answer, value, "("+reference+")")
		}
	}
	return answer
}
