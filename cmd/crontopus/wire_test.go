package main_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/envelope"
	"crontopus.dev/crontopus/internal/keyfile"
)

// send STATUS METHOD URL BODY [HEADER…] makes a request as curl would, and wants this
// status. BODY is a file, or - for none. The answer is what stdout then matches.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: send STATUS METHOD URL BODY [HEADER…]")
	}
	var body []byte
	if args[3] != "-" {
		body = []byte(ts.ReadFile(args[3]))
	}
	request(ts, args[0], args[1], args[2], body, args[4:])
}

func request(ts *testscript.TestScript, status, method, url string, body []byte, headers []string) {
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	ts.Check(err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	ts.Check(err)
	ts.Logf("%s\n%s", response.Status, answer)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), answer, 0o600))
	if strconv.Itoa(response.StatusCode) != status {
		ts.Fatalf("%s %s: status %d, want %s", method, url, response.StatusCode, status)
	}
}

// deliver STATUS URL CAPTURE sends a webhook again that a real forge sent: CAPTURE is its
// file without .headers.json.
func deliver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: deliver STATUS URL CAPTURE")
	}
	var sent struct{ Headers map[string]string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2]+".headers.json")), &sent))
	var headers []string
	for name, value := range sent.Headers {
		if name != "Host" && name != "Content-Length" && name != "Accept-Encoding" {
			headers = append(headers, name+": "+value)
		}
	}
	request(ts, args[0], http.MethodPost, args[1], []byte(ts.ReadFile(args[2]+".body.raw.json")), headers)
}

// sign NAME SECRET FILE sets an environment variable to the HMAC of a file, in hex.
func sign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sign NAME SECRET FILE")
	}
	mac := hmac.New(sha256.New, []byte(args[1]))
	mac.Write([]byte(ts.ReadFile(args[2])))
	ts.Setenv(args[0], hex.EncodeToString(mac.Sum(nil)))
}

// forge KEY IN OUT [FIELD=JSON…] writes a bundle with other fields, signed with KEY as the
// server would: what somebody could send who has it, or has kept an older bundle.
// Without a KEY (-) the signature stays that of the old payload.
func forge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: forge KEY IN OUT [FIELD=JSON…]")
	}
	var sealed struct {
		PayloadType string            `json:"payloadType"`
		Payload     string            `json:"payload"`
		Signatures  []json.RawMessage `json:"signatures"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &sealed))
	payload, err := base64.StdEncoding.DecodeString(sealed.Payload)
	ts.Check(err)
	fields := map[string]json.RawMessage{}
	ts.Check(json.Unmarshal(payload, &fields))
	for _, arg := range args[3:] {
		name, value, _ := strings.Cut(arg, "=")
		fields[name] = json.RawMessage(value)
	}
	payload, err = json.Marshal(fields)
	ts.Check(err)
	sealed.Payload = base64.StdEncoding.EncodeToString(payload)
	raw, err := json.Marshal(sealed)
	if args[0] != "-" {
		key, keyErr := keyfile.Load(ts.MkAbs(args[0]))
		ts.Check(keyErr)
		raw, err = envelope.Sign(crontopus.BundlePayloadType, payload, key)
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), raw, 0o600))
}
