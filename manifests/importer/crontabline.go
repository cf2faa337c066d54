package importer

import (
	"strings"
)

// setting reads a line NAME=VALUE of a crontab, with the blanks and quotes that cron allows.
// Every other line is an entry or wrong.
func setting(line string) (name, value string, ok bool) {
	rest := strings.TrimLeft(line, " \t")
	if rest == "" {
		return "", "", false
	}
	if quote := rest[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(rest[1:], quote)
		if end < 0 || strings.Contains(rest[1:1+end], "=") {
			return "", "", false
		}
		name, rest = rest[1:1+end], rest[2+end:]
	} else {
		end := strings.IndexAny(rest, "= \t")
		if end < 0 {
			return "", "", false
		}
		name, rest = rest[:end], rest[end:]
	}
	rest, found := strings.CutPrefix(strings.TrimLeft(rest, " \t"), "=")
	if !found {
		return "", "", false
	}
	rest = strings.Trim(rest, " \t")
	if rest == "" {
		return name, "", true // Debian's cron wants quotes here, others do without
	}
	if quote := rest[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(rest[1:], quote)
		return name, rest[1 : 1+max(end, 0)], end >= 0 && end == len(rest)-2
	}
	return name, rest, true
}

// entry is a line of a crontab that starts something.
type entry struct {
	schedule string // as it is written
	user     string
	command  string // for the shell
	stdin    string
}

// splitEntry takes a line apart; what is wrong with it is said in missing.
func splitEntry(line string, users bool) (e entry, missing string) {
	rest := strings.TrimLeft(line, " \t")
	count := 5
	if strings.HasPrefix(rest, "@") {
		count = 1
	}
	var fields []string
	for range count {
		field, after := cutWord(rest)
		if field == "" {
			return e, "the line has fewer than five time fields"
		}
		fields, rest = append(fields, field), after
	}
	e.schedule = strings.Join(fields, " ")
	if users {
		if e.user, rest = cutWord(rest); e.user == "" {
			return e, "the line has no user"
		}
	}
	if strings.Trim(rest, " \t") == "" {
		if users {
			return e, "the line has no command after the user"
		}
		return e, "the line has no command"
	}
	e.command, e.stdin = splitInput(rest)
	if cut := strings.TrimRight(e.command, " \t"); e.stdin == "" && !strings.HasSuffix(cut, `\`) {
		e.command = cut // blanks at the end of a line mean nothing but to its input, and behind a backslash
	}
	return e, ""
}

func cutWord(s string) (word, rest string) {
	end := strings.IndexFunc(s, isBlank)
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimLeft(s[end:], " \t")
}

// splitInput divides what stands behind the times into command and input, as cron does it:
// the first % that no backslash precedes divides, all others are new lines.
func splitInput(text string) (command, stdin string) {
	var b strings.Builder
	at, found := 0, false
	for ; at < len(text) && !found; at++ {
		switch c := text[at]; {
		case c == '%':
			found = true
		case c == '\\' && at+1 < len(text):
			at++
			if next := text[at]; next != '%' && next != '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(text[at])
		default:
			b.WriteByte(c)
		}
	}
	command = b.String()
	if !found || at == len(text) {
		return command, ""
	}
	b.Reset()
	for escaped := false; at < len(text); at++ {
		c := text[at]
		if escaped && c != '%' {
			b.WriteByte('\\')
		}
		if c == '%' && !escaped {
			c = '\n'
		}
		if escaped = c == '\\'; !escaped {
			b.WriteByte(c)
		}
		if at == len(text)-1 && escaped {
			b.WriteByte('\\')
		}
	}
	stdin = b.String()
	if !strings.HasSuffix(stdin, "\n") {
		stdin += "\n"
	}
	return command, stdin
}
