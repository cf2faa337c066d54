package importer

import (
	"path"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
)

// plainWord is a word that every shell leaves as it is.
var plainWord = lazily(`^[A-Za-z0-9_./:@%+,=-]+$`)

// shellWords are what a shell does itself, so that no program of that name need exist or
// do the same.
var shellWords = strings.Fields(`. : [ alias bg bind break builtin case cd command continue declare dirs do done echo elif else
	enable esac eval exec exit export fc fg fi for function getopts hash help history if in jobs kill let local logout popd printf
	pushd pwd read readonly return select set shift shopt source suspend test then time times trap type typeset ulimit umask
	unalias unset until wait while true false`)

// setCommand says what the job runs: the words of a line in which a shell finds nothing to
// do, or else the line as a script. What would have come on its standard input is in the
// script, too.
func setCommand(run *crontopus.RunSpec, line, stdin, shell string) {
	if words, plain := plainWords(line); plain && stdin == "" {
		run.Command = words
		return
	}
	if stdin != "" {
		line = withInput(line, stdin)
	}
	run.Script = strings.TrimRight(line, "\n") + "\n"
	if shell != "" && shell != crontopus.DefaultShell {
		run.Shell = shell
	}
}

// plainWords takes a line apart, and reports whether that is all that a shell would do.
func plainWords(line string) (words []string, plain bool) {
	for word := range strings.FieldsFuncSeq(line, isBlank) {
		quoted, ok := unquoted(word)
		if !ok {
			return nil, false
		}
		words = append(words, quoted)
	}
	if len(words) == 0 || strings.ContainsAny(words[0], "=%") || slices.Contains(shellWords, words[0]) ||
		strings.Contains(words[0], "/") && !path.IsAbs(words[0]) {
		return nil, false
	}
	return words, true
}

// unquoted returns what a word means to a shell, where that is beyond doubt. A word has no
// blanks, so neither have its quotes.
func unquoted(word string) (string, bool) {
	if plainWord().MatchString(word) {
		return word, true
	}
	if n := len(word); n > 2 && word[0] == word[n-1] && (word[0] == '\'' || word[0] == '"') {
		inner := word[1 : n-1]
		return inner, !strings.ContainsAny(inner, "'\"\\$`!")
	}
	return "", false
}

// inputMark ends the input of a script.
const inputMark = "END_OF_INPUT"

// withInput gives a line of shell its standard input, as the shell's own: then the line may
// be whatever it is.
func withInput(line, stdin string) string {
	mark := inputMark
	for strings.Contains("\n"+stdin, "\n"+mark+"\n") {
		mark += "_"
	}
	return "exec <<'" + mark + "'\n" + stdin + mark + "\n" + line
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }
