package agent

import "strings"

// masked stands where a secret was.
const masked = "***"

// masker replaces secrets in a stream of bytes, also where one is cut by the bounds of
// two writes. It follows all of them at once, so its time grows with the output alone, whatever
// a job prints and however many lines a secret has.
type masker struct {
	needles  *needles
	at       int32  // the needle node that the bytes so far lead to
	held     []byte // bytes that may yet turn out to be part of a secret
	start    int    // where held begins, counted from the start of the stream
	secrets  []span // what of held is known to be one, rising and apart
	maskedTo int    // where the last secret that was let go ended
	out      []byte
}

// span is a stretch of the stream, to excluded.
type span struct{ from, to int }

// newMasker masks every secret and, because programs print such things line by line,
// every longer line of one that has several.
func newMasker(secrets []string) *masker {
	const shortestLine = 8
	var all []string
	for _, secret := range secrets {
		if len(secret) > 0 {
			all = append(all, secret)
		}
		lines := strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' })
		for _, line := range lines {
			if len(line) >= shortestLine && len(line) < len(secret) {
				all = append(all, line)
			}
		}
	}
	return &masker{needles: newNeedles(all), maskedTo: -1}
}

// mask takes in p and returns what can be let go of, valid until the next call.
func (m *masker) mask(p []byte) []byte {
	if m.needles.empty() {
		return p
	}
	m.out = m.out[:0]
	for _, b := range p {
		m.held = append(m.held, b)
		end := m.start + len(m.held)
		m.at = m.needles.next(m.at, b)
		node := &m.needles.nodes[m.at]
		if node.whole > 0 {
			m.found(span{end - int(node.whole), end})
		}
		m.release(end - int(node.open))
	}
	return m.out
}

// rest returns what is still held at the end of the stream.
func (m *masker) rest() []byte {
	m.out = m.out[:0]
	m.release(m.start + len(m.held))
	return m.out
}

// found notes a secret. Those that overlap it become one with it.
func (m *masker) found(s span) {
	for n := len(m.secrets) - 1; n >= 0 && m.secrets[n].to > s.from; n-- {
		s.from = min(s.from, m.secrets[n].from)
		m.secrets = m.secrets[:n]
	}
	m.secrets = append(m.secrets, s)
}

// release lets go of the held bytes before a position.
func (m *masker) release(before int) {
	for m.start < before {
		next := before
		switch {
		case len(m.secrets) == 0 || m.secrets[0].from >= before:
			m.out = append(m.out, m.held[:next-m.start]...)
		case m.secrets[0].from > m.start:
			next = m.secrets[0].from
			m.out = append(m.out, m.held[:next-m.start]...)
		default:
			if m.maskedTo != m.start {
				m.out = append(m.out, masked...)
			}
			if next >= m.secrets[0].to {
				next = m.secrets[0].to
				m.secrets = m.secrets[1:]
			}
			m.maskedTo = next
		}
		m.held, m.start = m.held[next-m.start:], next
	}
}
