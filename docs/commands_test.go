package docs_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/agent/command"
	"crontopus.dev/crontopus/cli"
)

var update = flag.Bool("update", false, "write cli.md again")

// programs are the roots of all commands. They keep what was parsed, so each use makes
// them anew.
func programs() map[string]*cobra.Command {
	return map[string]*cobra.Command{"crontopus": cli.Root(), "crontopus-agent": command.Root()}
}

func TestCommandLinesInTheDocumentationExist(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range pages(t) {
		for _, line := range commandLines(p) {
			found++
			if err := check(line); err != nil {
				t.Errorf("%s: %s: %v", p.name, line, err)
			}
		}
	}
	require.Greater(t, found, 20)
}

// commandLines finds our programs' command lines in shell blocks and in code within the
// text. In the text, a program's name alone is no command line.
func commandLines(p page) []string {
	var lines []string
	for _, b := range p.blocks() {
		for line := range strings.Lines(b.text) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			if (b.language == "sh" || b.language == "console") && isOurs(line) {
				lines = append(lines, line)
			}
		}
	}
	for i, code := range strings.Split(p.text, "`") {
		if i%2 == 1 && isOurs(code) && !strings.Contains(code, "\n") {
			lines = append(lines, code)
		}
	}
	return lines
}

func isOurs(line string) bool {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "bin/"), " ")
	return rest != "" && (name == "crontopus" || name == "crontopus-agent")
}

// check finds the command that a line names and parses its flags and arguments.
func check(line string) error {
	words := split(line)
	root := programs()[strings.TrimPrefix(words[0], "bin/")]
	cmd, rest, err := root.Find(words[1:])
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// split takes a line apart as a shell does, as far as the documentation needs: quotes,
// and an end at a comment, a pipe or a redirection.
func split(line string) []string {
	var words []string
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && (r == ' ' || strings.ContainsRune("#|<>&;", r)):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
			if r != ' ' {
				return words
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

func TestSplitTakesALineApartAsAShellDoes(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"crontopus", "schedule", "next", "30 2 * * *", "-n", "3"}, split(`crontopus schedule next '30 2 * * *' -n 3 | head  # x`))
	require.Equal(t, []string{"a", "", "bc"}, split(`a "" b'c' > f`))
}

func TestCommandReferenceIsWhatTheProgramsSay(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("# Commands\n\nWritten by `make generate` from the programs themselves.\n")
	for _, name := range []string{"crontopus", "crontopus-agent"} {
		describe(&b, programs()[name])
	}
	if *update {
		require.NoError(t, os.WriteFile("cli.md", b.Bytes(), 0o644))
		return
	}
	committed, err := os.ReadFile("cli.md")
	require.NoError(t, err)
	require.Equal(t, b.String(), string(committed), "run make generate")
}

// describe writes a command and the ones below it.
func describe(b *bytes.Buffer, cmd *cobra.Command) {
	if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	if cmd.HasParent() {
		fmt.Fprintf(b, "\n### %s\n\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "%s\n", text)
	if cmd.Runnable() && !cmd.HasSubCommands() {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	if flags := flagTable(cmd); flags != "" {
		fmt.Fprintf(b, "\n| flag | meaning |\n|---|---|\n%s", flags)
	}
	for _, sub := range cmd.Commands() {
		describe(b, sub)
	}
}

// flagTable lists a command's own flags. The default of one that depends on the machine is
// not told.
func flagTable(cmd *cobra.Command) string {
	var b strings.Builder
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		_, usage := pflag.UnquoteUsage(f)
		if !strings.Contains(usage, "default") && f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && !strings.HasPrefix(f.DefValue, "/") {
			usage += " (default `" + f.DefValue + "`)"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
	return b.String()
}
