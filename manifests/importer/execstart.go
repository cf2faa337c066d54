package importer

import (
	"fmt"
	"strconv"
	"strings"

	"crontopus.dev/crontopus"
)

// execLine is one command of a service.
type execLine struct {
	words     []string // as systemd takes them, variables still in them
	ignore    bool     // its failure is none
	variables bool     // $NAME means a variable
	note      string
}

// execLines takes a value of ExecStart apart, which may hold several commands.
func (s *unitService) execLines(value string) (lines []execLine, err error) {
	words, err := splitWords(value)
	if err != nil {
		return nil, err
	}
	for len(words) > 0 {
		line := execLine{variables: true}
		for len(words[0]) > 0 && strings.ContainsRune("-@:+!|", rune(words[0][0])) {
			switch words[0][0] {
			case '-':
				line.ignore = true
			case ':':
				line.variables = false
			case '@':
				if len(words) < 2 {
					return nil, fmt.Errorf("@ and no second word")
				}
				words = append(words[:1:1], words[2:]...)
				line.note = "@: the program is called by its own name"
			default:
				line.note = "the command is run as the job's user, without the rights that " + words[0][:1] + " gives it"
			}
			words[0] = words[0][1:]
		}
		n := 0
		for n < len(words) && words[n] != ";" {
			expanded, err := s.expand(words[n])
			if err != nil {
				return nil, err
			}
			if words[n] == `\;` {
				expanded = ";"
			}
			line.words = append(line.words, expanded)
			n++
		}
		if len(line.words) == 0 || line.words[0] == "" {
			return nil, fmt.Errorf("a command without a program")
		}
		lines = append(lines, line)
		words = words[min(n+1, len(words)):]
	}
	return lines, nil
}

// expand replaces the specifiers that the unit's name decides; all others depend on the host.
func (s *unitService) expand(text string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		with, known := s.specifiers[text[i]]
		if !known {
			return "", fmt.Errorf("%%%c stands for something that only the host knows", text[i])
		}
		b.WriteString(with)
	}
	return b.String(), nil
}

// splitWords takes a value apart as systemd does: quotes, and escapes as in C.
func splitWords(text string) (words []string, err error) {
	var b strings.Builder
	quote, inWord := byte(0), false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			inWord = true
			if text[i] == ';' && b.Len() == 0 {
				b.WriteString(`\;`)
				continue
			}
			n, ok := unescape(&b, text[i:])
			if !ok {
				return nil, fmt.Errorf("there is no escape \\%c", text[i])
			}
			i += n - 1
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inWord {
				words = append(words, b.String())
				b.Reset()
				inWord = false
			}
		default:
			b.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote has no end")
	}
	if inWord {
		words = append(words, b.String())
	}
	return words, nil
}

// simpleEscapes are those of one letter.
var simpleEscapes = map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'n': '\n', 'r': '\r', 't': '\t', 'v': 11, '\\': '\\', '"': '"', '\'': '\'', 's': ' '}

// unescape writes what an escape stands for, and returns how many bytes it has behind the
// backslash.
func unescape(b *strings.Builder, text string) (int, bool) {
	if c, simple := simpleEscapes[text[0]]; simple {
		b.WriteByte(c)
		return 1, true
	}
	digits, base, from := 0, 16, 1
	switch text[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '0', '1', '2', '3':
		digits, base, from = 3, 8, 0
	}
	if digits == 0 || len(text) < from+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[from:from+digits], base, 31)
	if err != nil || n == 0 || n > 0x10ffff {
		return 0, false
	}
	b.WriteRune(rune(n))
	return from + digits, true
}

// setExec says what the job runs: the command of a service that has one only, or a script
// that starts one after the other and ends at the first that fails.
func setExec(run *crontopus.RunSpec, commands []execLine) {
	if c := commands[0]; len(commands) == 1 && !c.ignore && !c.hasVariables() && strings.HasPrefix(c.words[0], "/") {
		for _, word := range c.words {
			run.Command = append(run.Command, c.literal(word))
		}
		return
	}
	var b strings.Builder
	if len(commands) > 1 {
		b.WriteString("set -e\n")
	}
	for _, c := range commands {
		b.WriteString(c.shell())
		if c.ignore {
			b.WriteString(" || true")
		}
		b.WriteByte('\n')
	}
	run.Script = b.String()
}

// unitVariable is a variable in a word of ExecStart.
var unitVariable = lazily(`\$(\$|\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)`)

func (c *execLine) hasVariables() bool {
	for _, word := range c.words[1:] {
		if word = strings.ReplaceAll(word, "$$", ""); c.variables && (strings.Contains(word, "${") || bareVariable().MatchString(word)) {
			return true
		}
	}
	return false
}

// bareVariable is a word that systemd replaces by the words of a variable.
var bareVariable = lazily(`^\$[A-Za-z_][A-Za-z0-9_]*$`)

// literal is a word without variables.
func (c *execLine) literal(word string) string {
	if c.variables {
		return strings.ReplaceAll(word, "$$", "$")
	}
	return word
}

// shell writes the command for a shell: ${NAME} is one word with what is around it, and $NAME
// alone as many as it holds.
func (c *execLine) shell() string {
	quoted := make([]string, len(c.words))
	for i, word := range c.words {
		switch {
		case c.variables && i > 0 && bareVariable().MatchString(word):
			quoted[i] = word
		case c.variables && i > 0 && strings.Contains(word, "${"):
			quoted[i] = shellWithVariables(word)
		default:
			quoted[i] = shellQuote(c.literal(word))
		}
	}
	return strings.Join(quoted, " ")
}

func shellWithVariables(word string) string {
	var b strings.Builder
	at := 0
	for _, m := range unitVariable().FindAllStringIndex(word, -1) {
		b.WriteString(shellPart(word[at:m[0]]))
		switch name := word[m[0]:m[1]]; {
		case name == "$$":
			b.WriteString(shellPart("$"))
		case name[1] == '{':
			b.WriteString(`"` + name + `"`)
		default:
			b.WriteString(shellPart(name))
		}
		at = m[1]
	}
	b.WriteString(shellPart(word[at:]))
	return b.String()
}

func shellPart(s string) string {
	if s == "" {
		return ""
	}
	return shellQuote(s)
}

// shellQuote writes a word so that a shell leaves it as it is.
func shellQuote(s string) string {
	if plainWord().MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
