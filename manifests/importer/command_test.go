package importer

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"crontopus.dev/crontopus"
)

// asCron runs what cron would: the command by a shell, with the input.
func asCron(command, stdin string) string {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return lineNumber.ReplaceAllString(string(out), "sh: ") + exitOf(err)
}

// lineNumber is where a shell found an error: a script has the line elsewhere.
var lineNumber = regexp.MustCompile(`/bin/sh: \d+: `)

// asAgent runs what the agent would: the words, or the script by a shell.
func asAgent(run *crontopus.RunSpec) string {
	cmd := exec.Command("/bin/sh", "-c", run.Script)
	if run.Script == "" {
		cmd = exec.Command(run.Command[0], run.Command[1:]...)
	}
	out, err := cmd.CombinedOutput()
	return lineNumber.ReplaceAllString(string(out), "sh: ") + exitOf(err)
}

func exitOf(err error) string {
	if err != nil {
		return "\n" + err.Error()
	}
	return ""
}

func TestACommandDoesWhatItDid(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"/bin/echo plain words --x=y a:b,c @d +e", `/bin/echo 'single' "double" mixed'quotes' "with blanks inside"`,
		`printf '\%s\n' "a\%b"`, "echo $((1+2)) `echo back` *.nothing", "cat%line one%%line three\\%", "cat%no newline at the end", "cat%",
		"cat | tr a-z A-Z%shout%", "read a; read b; echo $b $a%one%two", "echo one; exit 3", "false || echo or", "echo hash # comment%stdin",
		"(cat; echo after)%END_OF_INPUT%x", "cat; exit 4%bye", "/bin/echo back\\\\slash 'a\\\\.b'", "/bin/echo ~root {a,b}", "A=1 env | grep '^A='",
		"cat <<E%x", "echo \"unfinished", "/bin/echo $HOME", "/bin/echo \\$HOME", "sed 's/a/b/'%banana%", "/bin/echo tab\tbetween", "cat%  \\\\ two",
		"test -t 0 || echo no terminal",
	} {
		command, stdin := splitInput(line)
		var run crontopus.RunSpec
		setCommand(&run, command, stdin, "")
		require.Equal(t, asCron(command, stdin), asAgent(&run), "%s\n%s", line, run.Script)
	}
}

// Words that are started without a shell are those that a shell makes of the line.
func TestPlainWordsAreTheWordsOfAShell(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune(`ab/.-=:@%+,~$'"\*?[]{}()<>|&;!#^ `+"`")), 1, 6, -1), 1, 4).Draw(t, "words")
		line := "/usr/bin/printf %s\\n " + strings.Join(words, " ")
		argv, plain := plainWords(line)
		if !plain {
			return
		}
		if got, want := asAgent(&crontopus.RunSpec{Command: argv}), asCron(line, ""); got != want {
			t.Fatalf("%q: %q, and a shell says %q", line, got, want)
		}
	})
}

func TestWhatServicesRunIsWhatTheyRan(t *testing.T) {
	t.Parallel()
	s := &unitService{work: &work{}, specifiers: specifiersOf("dump@main.service", "main")}
	for value, want := range map[string]string{
		`/bin/echo 'a b' "c d" e\x20f %i %%`: "a b c d e f main %\n",
		`/bin/echo $$HOME a$$b`:              "$HOME a$b\n",
		`/bin/echo one ; /bin/echo two \; x`: "one\ntwo ; x\n",
		`-/bin/false ; /bin/echo on`:         "on\n",
		`/bin/echo "it's" it\'s`:             "it's it's\n",
		`/bin/sh -c 'echo "$$0" "$$1"' x y`:  "x y\n",
		`/bin/echo ${NO_SUCH}x $NO_SUCH y`:   "x y\n",
		`:/bin/echo ${NO_SUCH}x`:             "${NO_SUCH}x\n",
		`@/bin/echo zero first`:              "first\n",
		`/bin/echo * ~ {a,b} $(id) | cat`:    "* ~ {a,b} $(id) | cat\n",
	} {
		lines, err := s.execLines(value)
		require.NoError(t, err, value)
		var run crontopus.RunSpec
		setExec(&run, lines)
		require.Equal(t, want, asAgent(&run), "%s\n%s", value, run.Script)
	}
	for value, want := range map[string]string{
		`/bin/echo "open`: "a quote has no end", `/bin/echo %h`: "%h stands for something that only the host knows",
		`/bin/echo \q`: `there is no escape \q`, `;`: "a command without a program", `@/bin/echo`: "@ and no second word",
	} {
		_, err := s.execLines(value)
		require.EqualError(t, err, want, value)
	}
}

func TestArgumentsOfWindows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`a b  c`: {"a", "b", "c"}, `"a b" c`: {"a b", "c"}, `a\b "c\d\\" e`: {`a\b`, `c\d\`, "e"}, `"a \"b\" c"`: {`a "b" c`}, `""`: {""}, ``: nil,
		`--x="y z"\w`: {`--x=y z\w`},
	} {
		require.Equal(t, want, windowsWords(text), text)
	}
}

func TestNamesSayWhatALineDoes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"/usr/local/bin/backup.sh --full":                                "backup",
		"cd /srv/app && ./bin/report >> log":                             "report",
		"cd / && run-parts --report /etc/cron.hourly":                    "run-parts",
		"test -x /usr/sbin/anacron || { cd / && run-parts --report x; }": "run-parts",
		"/usr/bin/flock -n /tmp/l.lock -c '/opt/feed/fetch >/dev/null'":  "fetch",
		"flock -n /tmp/sync.lock /opt/sync/run.sh":                       "run",
		"nice -n 19 ionice -c3 /usr/bin/updatedb":                        "updatedb",
		"sudo -n -u app /opt/app/bin/rotate":                             "rotate",
		"timeout 60 /opt/probe/check-dns":                                "check-dns",
		"/usr/bin/php -f /var/www/nextcloud/cron.php":                    "cron",
		`PGOPTIONS="-c statement_timeout=0; x" /opt/pg/vacuum-all db`:    "vacuum-all",
		`STAMP=$(date "+%F %T") BY='a | b' nice /opt/pg/dump-all`:        "dump-all",
		"cd /srv && OPTS='-a -b' ./bin/index-all":                        "index-all",
		"LC_ALL=C sort-all":                                              "sort-all",
		"/opt/Größe":                                                     "grosse",
		"true":                                                           "true",
		"***":                                                            "",
	} {
		names := append(wordsOf(line), "")
		require.Equal(t, want, names[0], line)
	}
}
