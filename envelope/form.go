package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parse reads the JSON form. encoding/json would take a repeated member, one spelled
// "Payload", or text after the end, so two readers could see two envelopes in the same
// bytes; here there is one way to read them. It is also what makes verifying cost little
// more than the signature: the payload is found by its closing quote.
func parse(raw []byte) (envelope, error) {
	var e envelope
	if len(raw) > MaxSize {
		return e, fmt.Errorf("%d bytes are more than %d", len(raw), MaxSize)
	}
	if !utf8.Valid(raw) {
		return e, errors.New("not UTF-8")
	}
	s := scanner{rest: raw}
	err := s.object(map[string]func() error{
		"payload":     s.stringInto(&e.Payload),
		"payloadType": s.stringInto(&e.PayloadType),
		"signatures": func() error {
			return s.list(MaxSignatures, func() error {
				e.Signatures = append(e.Signatures, signature{})
				sig := &e.Signatures[len(e.Signatures)-1]
				return s.object(map[string]func() error{
					"keyid": s.stringInto(&sig.KeyID),
					"sig":   s.stringInto(&sig.Sig),
				})
			})
		},
	})
	if err != nil {
		return e, err
	}
	if s.space(); len(s.rest) > 0 {
		return e, errors.New("text after the end")
	}
	if len(e.Signatures) == 0 {
		return e, errors.New("no signatures")
	}
	return e, nil
}

// scanner reads the little JSON that an envelope is made of: objects of known members,
// lists and strings.
type scanner struct{ rest []byte }

// object reads an object; each member is known, stands once, and is read by its function.
func (s *scanner) object(members map[string]func() error) error {
	return s.sequence('{', '}', func() error {
		name, err := s.string()
		if err != nil {
			return err
		}
		read, ok := members[name]
		if !ok {
			return fmt.Errorf("member %.40q is unknown or stands twice", name)
		}
		delete(members, name)
		if !s.take(':') {
			return fmt.Errorf("no value for %q", name)
		}
		return read()
	})
}

// list reads a list of at most limit items.
func (s *scanner) list(limit int, item func() error) error {
	return s.sequence('[', ']', func() error {
		if limit--; limit < 0 {
			return errors.New("too many signatures")
		}
		return item()
	})
}

// sequence reads items between two brackets, with commas between them.
func (s *scanner) sequence(begin, end byte, item func() error) error {
	if !s.take(begin) {
		return fmt.Errorf("%q expected", begin)
	}
	if s.take(end) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.take(end) {
			return nil
		}
		if !s.take(',') {
			return fmt.Errorf("%q expected", end)
		}
	}
}

func (s *scanner) stringInto(p *string) func() error {
	return func() (err error) {
		*p, err = s.string()
		return err
	}
}

// string reads a string; one with escapes, which are rare, is left to encoding/json.
func (s *scanner) string() (string, error) {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != '"' {
		return "", errors.New("a string expected")
	}
	end := 1
	for {
		n := bytes.IndexByte(s.rest[end:], '"')
		if n < 0 {
			return "", errors.New("a string does not end")
		}
		if end += n + 1; !escaped(s.rest[:end-1]) {
			break
		}
	}
	literal := s.rest[:end]
	s.rest = s.rest[end:]
	if bytes.IndexByte(literal, '\\') < 0 {
		text := literal[1 : end-1]
		for _, c := range text {
			if c < ' ' {
				return "", errors.New("a control character in a string")
			}
		}
		return string(text), nil
	}
	var text string
	if err := json.Unmarshal(literal, &text); err != nil {
		return "", err
	}
	return text, nil
}

// escaped reports whether what follows text is escaped: an odd number of backslashes
// stand at its end.
func escaped(text []byte) bool {
	return (len(text)-len(bytes.TrimRight(text, `\`)))%2 == 1
}

// take reports whether the next character that is not space is c, and reads it.
func (s *scanner) take(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) space() { s.rest = bytes.TrimLeft(s.rest, " \t\r\n") }

// decodeBase64 reads standard or URL-safe base64, as the specification demands, with its
// padding and without the line breaks and loose last bits that decoders like to pass
// over: one payload has one spelling in each.
func decodeBase64(text string) ([]byte, error) {
	if has(text, '\r') || has(text, '\n') {
		return nil, errors.New("a line break in base64")
	}
	encoding := base64.StdEncoding
	if has(text, '-') || has(text, '_') {
		encoding = base64.URLEncoding
	}
	return encoding.Strict().DecodeString(text)
}

func has(text string, c byte) bool { return strings.IndexByte(text, c) >= 0 }
