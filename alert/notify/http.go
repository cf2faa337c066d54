package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/netguard"
)

// Timeout is how long one message may take, from dialling to the end of the answer.
const Timeout = 10 * time.Second

// NewClient returns an HTTP client that dials through the guard and follows no redirect: what
// is sent is for the address that the channel names. Plain http goes to allowed networks only.
func NewClient(guard netguard.Guard) *http.Client {
	return &http.Client{
		Transport:     transport{guard.Transport(), netguard.Guard{Allow: guard.Allow, AllowedOnly: true}.Transport()},
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type transport struct{ https, http *http.Transport }

// RoundTrip picks the transport by the scheme.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return t.https.RoundTrip(r)
	}
	return t.http.RoundTrip(r)
}

// Post sends a JSON body and reads the answer by this table:
//
//	2xx                          delivered
//	408, 425, 429, 5xx           transient; Retry-After is kept to
//	anything else                permanent, unless lasting says otherwise
//	no answer                    transient, unless the operator does not allow the address
//
// lasting, where it is not nil, decides for answers of the third row.
func Post(ctx context.Context, client *http.Client, address string, header http.Header, body []byte, lasting func(status int) bool) Outcome {
	if u, err := url.Parse(address); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return Refused(crontopus.Errorf(crontopus.CodeInvalid, "the channel's address is no http or https URL"))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Refused(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Crontopus")
	response, err := client.Do(request)
	if err != nil {
		return Failed(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 4*maxAnswer))
	if err != nil && response.StatusCode >= 300 {
		said = []byte(Failed(err).Answer)
	}
	o := Outcome{Answer: Line(fmt.Sprintf("%d %s", response.StatusCode, said), maxAnswer)}
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		o.OK = true
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		o.RetryAfter = retryAfter(response.Header, time.Now())
	case status >= 300 && status < 400:
		o.Permanent = true
		o.Answer = Line(fmt.Sprintf("%d: redirects are not followed; name the final address in the channel", status), maxAnswer)
	default:
		o.Permanent = lasting == nil || lasting(status)
	}
	return o
}
