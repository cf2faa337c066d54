package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// form is an envelope as it was read. The payload, which is most of it, is still a part of what
// was read, and not looked at: decoding base64 refuses all that a string may not hold.
type form struct {
	payload     []byte // base64
	payloadType string
	signatures  []signature
}

// parse reads the JSON form. encoding/json would take a repeated member, one spelled
// "Payload", or text after the end, so two readers could see two envelopes in the same
// bytes; here there is one way to read them. It is also what makes verifying cost little
// more than the signature: the payload is found by its closing quote.
func parse(raw []byte) (form, error) {
	var e form
	if len(raw) > MaxSize {
		return e, fmt.Errorf("%d bytes are more than %d", len(raw), MaxSize)
	}
	s := scanner{rest: raw}
	err := s.object(map[string]func() error{
		"payload": func() error {
			literal, err := s.literal()
			if err == nil {
				e.payload, err = unescape(literal)
			}
			return err
		},
		"payloadType": s.stringInto(&e.payloadType),
		"signatures": func() error {
			return s.list(MaxSignatures, func() error {
				e.signatures = append(e.signatures, signature{})
				sig := &e.signatures[len(e.signatures)-1]
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
	if len(e.signatures) == 0 {
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

// string reads a string that JSON allows: UTF-8 without control characters.
func (s *scanner) string() (string, error) {
	literal, err := s.literal()
	if err != nil {
		return "", err
	}
	if !utf8.Valid(literal) {
		return "", errors.New("a string is not UTF-8")
	}
	for _, c := range literal {
		if c < ' ' {
			return "", errors.New("a control character in a string")
		}
	}
	text, err := unescape(literal)
	return string(text), err
}

// literal reads a string and returns it with its quotes, as a part of the input. Its
// characters may be anything.
func (s *scanner) literal() ([]byte, error) {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != '"' {
		return nil, errors.New("a string expected")
	}
	end := 1
	for {
		n := bytes.IndexByte(s.rest[end:], '"')
		if n < 0 {
			return nil, errors.New("a string does not end")
		}
		if end += n + 1; !escaped(s.rest[:end-1]) {
			break
		}
	}
	literal := s.rest[:end]
	s.rest = s.rest[end:]
	return literal, nil
}

// unescape returns what stands between the quotes; escapes, which are rare, are left to
// encoding/json.
func unescape(literal []byte) ([]byte, error) {
	if bytes.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1], nil
	}
	var text string
	err := json.Unmarshal(literal, &text)
	return []byte(text), err
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

// message returns the bytes that are signed, and the payload, which is their end: it may be
// large, so it is decoded into its place.
func (e *form) message() (signed, payload []byte, err error) {
	encoding, err := encodingOf(e.payload)
	if err != nil {
		return nil, nil, err
	}
	most := len(e.payload) / 4 * 3
	size := max(0, most-(len(e.payload)-len(bytes.TrimRight(e.payload, "="))))
	signed = header(e.payloadType, size, most)
	payload = signed[len(signed) : len(signed)+most]
	n, err := decode(encoding, payload, e.payload)
	if err == nil && n != size {
		err = errors.New("base64 that does not end where its padding is")
	}
	return signed[:len(signed)+size], payload[:size], err
}

// large is from which length on base64 is decoded by two.
const large = 64 << 10

// decode is encoding.Decode. Decoding takes half as long as verifying does, so what is large is halved: a
// run, which waits for it before its job can start, has a second processor to itself more often than not.
func decode(encoding *base64.Encoding, to, text []byte) (int, error) {
	if len(text) >= large {
		middle := len(text) / 8 * 4
		second := make(chan int)
		go func() {
			n, err := encoding.Decode(to[middle/4*3:], text[middle:])
			if err != nil {
				n = -1
			}
			second <- n
		}()
		n, err := encoding.Decode(to[:middle/4*3], text[:middle])
		if m := <-second; err == nil && n == middle/4*3 && m >= 0 { // no padding in the middle
			return n + m, nil
		}
	}
	return encoding.Decode(to, text) // or says where it is wrong
}

// decodeBase64 reads what is short.
func decodeBase64(text string) ([]byte, error) {
	encoding, err := encodingOf([]byte(text))
	if err != nil {
		return nil, err
	}
	return encoding.DecodeString(text)
}

// encodingOf says how the text is to be read: as standard or URL-safe base64, as the
// specification demands, with its padding and without the line breaks and loose last bits that
// decoders like to pass over. One payload has one spelling in each.
func encodingOf(text []byte) (*base64.Encoding, error) {
	has := func(c byte) bool { return bytes.IndexByte(text, c) >= 0 }
	switch {
	case has('\r') || has('\n'):
		return nil, errors.New("a line break in base64")
	case has('-') || has('_'):
		return base64.URLEncoding.Strict(), nil
	}
	return base64.StdEncoding.Strict(), nil
}
