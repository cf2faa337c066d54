package agent

import "strings"

// masked stands where a secret was.
const masked = "***"

// masker replaces secrets in a stream of bytes, also where one is cut by the bounds of
// two writes. It follows every secret with the matcher of Knuth, Morris and Pratt, so its
// time grows with the output alone, whatever a job prints.
type masker struct {
	matchers []matcher
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
	m := &masker{maskedTo: -1}
	for _, secret := range secrets {
		if len(secret) > 0 {
			m.matchers = append(m.matchers, newMatcher(secret))
		}
		lines := strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\r' })
		for _, line := range lines {
			if len(line) >= shortestLine && len(line) < len(secret) {
				m.matchers = append(m.matchers, newMatcher(line))
			}
		}
	}
	return m
}

// mask takes in p and returns what can be let go of, valid until the next call.
func (m *masker) mask(p []byte) []byte {
	if len(m.matchers) == 0 {
		return p
	}
	m.out = m.out[:0]
	for _, b := range p {
		m.held = append(m.held, b)
		end := m.start + len(m.held)
		part := 0 // the longest beginning of a secret that ends here
		for i := range m.matchers {
			if m.matchers[i].next(b) {
				m.found(span{end - len(m.matchers[i].pattern), end})
			}
			part = max(part, m.matchers[i].matched)
		}
		m.release(end - part)
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

// matcher finds one pattern in a stream, a byte at a time.
type matcher struct {
	pattern string
	borders []int // borders[n]: the longest proper beginning of pattern[:n] that also ends it
	matched int   // how much of the pattern the bytes so far end with; never all of it
}

func newMatcher(pattern string) matcher {
	m := matcher{pattern: pattern, borders: make([]int, len(pattern)+1)}
	for n := 2; n <= len(pattern); n++ {
		m.borders[n] = m.extend(m.borders[n-1], pattern[n-1])
	}
	return m
}

// next takes a byte and reports whether the pattern ends with it.
func (m *matcher) next(b byte) (whole bool) {
	m.matched = m.extend(m.matched, b)
	if m.matched == len(m.pattern) {
		m.matched = m.borders[m.matched]
		return true
	}
	return false
}

// extend returns how much of the pattern is matched by b after n bytes of it.
func (m *matcher) extend(n int, b byte) int {
	for n > 0 && m.pattern[n] != b {
		n = m.borders[n]
	}
	if m.pattern[n] == b {
		n++
	}
	return n
}
