package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"

	"crontopus.dev/crontopus"
)

// nameAll gives every draft a name of its own, made of words of what it runs: the fewest that
// tell it from the others, so that a name depends on those jobs alone that resemble it.
func nameAll(drafts []*draft) {
	words := make([]int, len(drafts))
	for i, d := range drafts {
		words[i] = 1
		if len(d.names) > 1 && slices.Contains(generic, d.names[0]) {
			words[i] = 2
		}
	}
	for range maxNameWords {
		for _, alike := range groups(drafts, words) {
			for _, i := range alike {
				words[i] = min(words[i]+1, max(len(drafts[i].names), 1))
			}
		}
	}
	taken := map[crontopus.JobName]bool{}
	alike := map[int]bool{}
	for _, group := range groups(drafts, words) {
		for _, i := range group {
			alike[i] = true
		}
	}
	for i, d := range drafts {
		base := nameOf(d, words[i])
		if alike[i] {
			base = cut(base, 54) + "-" + d.digest()
		}
		name := base
		for n := 2; taken[crontopus.JobName{Namespace: d.job.Metadata.Namespace, Name: name}]; n++ {
			name = cut(base, 54) + "-" + strconv.Itoa(n)
		}
		d.job.Metadata.Name = name
		taken[d.job.Name()] = true
	}
}

// maxNameWords is how many words a name has at most.
const maxNameWords = 5

// groups returns the drafts that have a name in common, by their places.
func groups(drafts []*draft, words []int) [][]int {
	named := map[crontopus.JobName][]int{}
	for i, d := range drafts {
		name := crontopus.JobName{Namespace: d.job.Metadata.Namespace, Name: nameOf(d, words[i])}
		named[name] = append(named[name], i)
	}
	var alike [][]int
	for _, group := range named {
		if len(group) > 1 {
			alike = append(alike, group)
		}
	}
	return alike
}

func nameOf(d *draft, words int) string {
	if len(d.names) == 0 {
		return "job"
	}
	return cut(strings.Join(d.names[:min(words, len(d.names))], "-"), 63)
}

// cut shortens a name to what it may be long.
func cut(name string, most int) string {
	return strings.Trim(name[:min(len(name), most)], "-")
}

// digest tells drafts apart that have all words in common, whatever their order is.
func (d *draft) digest() string {
	run := &d.job.Spec.Run
	sum := sha256.Sum256([]byte(strings.Join(d.job.Spec.Schedule, "\n") + "\n" + run.User + "\n" + run.Script + strings.Join(run.Command, "\n")))
	return hex.EncodeToString(sum[:3])
}

// plainLetters are what a name has for letters with marks.
var plainLetters = strings.NewReplacer("ä", "a", "à", "a", "á", "a", "â", "a", "å", "a", "ç", "c", "è", "e", "é", "e", "ê", "e", "ë", "e", "ì", "i", "í", "i",
	"î", "i", "ñ", "n", "ö", "o", "ò", "o", "ó", "o", "ô", "o", "ø", "o", "ü", "u", "ù", "u", "ú", "u", "û", "u", "ß", "ss")

// slug makes a word of a name, "" where nothing is left.
func slug(s string) string {
	var b strings.Builder
	for _, r := range plainLetters.Replace(strings.ToLower(s)) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// generic programs say too little by themselves.
var generic = []string{"run-parts", "artisan", "manage", "console", "wp-cron", "make", "curl", "wget", "docker", "find", "npm", "yarn", "systemctl",
	"service", "git", "psql", "mysql", "rm", "echo", "cp", "mv", "tar", "rsync", "rclone", "kubectl", "aws", "gsutil", "touch", "mail", "job", "main", "index", "cron", "run"}

// Words in front of what a line is about: what a shell does before, and programs that start
// another one, with the number of words that follow them besides options.
var (
	preludes = []string{"cd", "test", "[", "[[", "export", "set", "source", ".", "sleep", "true", ":", "umask", "ulimit", "exit", "if", "pushd", "echo", "date", "mkdir", "unset", "trap", "fi", "done", "esac"}
	wrappers = map[string]int{"sudo": 0, "nice": 0, "ionice": 0, "flock": 1, "timeout": 1, "env": 0, "nohup": 0, "exec": 0, "time": 0, "chronic": 0,
		"cronic": 0, "setsid": 0, "command": 0, "then": 0, "do": 0, "else": 0, "while": 0, "until": 0, "{": 0, "(": 0, "!": 0, "sh": 0, "bash": 0, "dash": 0, "ksh": 0, "zsh": 0, "perl": 0,
		"python": 0, "python2": 0, "python3": 0, "php": 0, "ruby": 0, "node": 0, "java": 0, "bundle": 0, "doas": 0, "chrt": 1, "taskset": 1, "systemd-run": 0, "systemd-cat": 0, "runuser": 0, "su": 1}
	// the options of each that a value follows
	valued = map[string][]string{"sudo": {"-u", "-g"}, "doas": {"-u"}, "nice": {"-n"}, "ionice": {"-c", "-n"}, "flock": {"-w", "-E"}, "timeout": {"-k", "-s"},
		"env": {"-u"}, "runuser": {"-u"}, "php": {"-d"}, "systemd-cat": {"-t", "-p"}, "systemd-run": {"-p"}, "su": {"-s"}, "perl": {"-I"}, "python3": {"-W", "-X"}}
)

// wordsOf finds the words that say what a line of shell does.
func wordsOf(line string) []string {
	line = withoutAssignments(line)
	cutter := strings.NewReplacer("&&", "\n", "||", "\n", ";", "\n", "|", "\n", "(", "( ")
	var all []string
	for segment := range strings.SplitSeq(cutter.Replace(line), "\n") {
		words := strings.Fields(segment)
		all = append(all, words...)
		if names := namesIn(words); len(names) > 0 {
			return names
		}
	}
	for _, word := range all { // nothing but what shells do before: then that
		if s := programSlug(word); s != "" && !strings.Contains(word, "=") {
			return append([]string{s}, argumentSlugs("", all[1:])...)
		}
	}
	return nil
}

// withoutAssignments takes the assignments out of a line whose values have quotes or run
// something: A='b c' says nothing of what runs, and no blank or ; in it ends it.
func withoutAssignments(line string) string {
	var rest strings.Builder
	for at := 0; at < len(line); {
		if at == 0 || strings.ContainsRune(" \t;&|(", rune(line[at-1])) {
			name := len(line[at:]) - len(strings.TrimLeft(line[at:], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"))
			if value, isAssignment := strings.CutPrefix(line[at+name:], "="); name > 0 && isAssignment {
				if end := endOfValue(value); strings.ContainsAny(value[:end], "\"'`$") && strings.TrimLeft(value[end:], " \t") != "" {
					at += name + 1 + end
					continue
				}
			}
		}
		rest.WriteByte(line[at])
		at++
	}
	return rest.String()
}

// endOfValue returns where the value of an assignment ends, as a shell reads it.
func endOfValue(value string) int {
	var closers []byte // of the quotes and brackets that are open
	for i := 0; i < len(value); i++ {
		c := value[i]
		inside := byte(0)
		if len(closers) > 0 {
			inside = closers[len(closers)-1]
		}
		switch {
		case c == inside:
			closers = closers[:len(closers)-1]
		case inside == '\'':
		case c == '\\':
			i++
		case c == '\'' && inside != '"', c == '"', c == '`':
			closers = append(closers, c)
		case c == '$' && strings.HasPrefix(value[i+1:], "("):
			closers = append(closers, ')')
			i++
		case inside == 0 && strings.IndexByte(" \t;&|", c) >= 0:
			return i
		}
	}
	return len(value)
}

func namesIn(words []string) []string {
	for len(words) > 0 {
		word := strings.Trim(words[0], `"'`)
		skipped, isWrapper := wrappers[path.Base(word)]
		switch {
		case slices.Contains(preludes, path.Base(word)):
			return nil
		case isWrapper:
			words = words[1:]
			for len(words) > 0 && strings.HasPrefix(words[0], "-") {
				if slices.Contains(valued[path.Base(word)], words[0]) && len(words) > 1 {
					words = words[1:]
				}
				words = words[1:]
			}
			words = words[min(skipped, len(words)):]
			for len(words) > 0 && strings.HasPrefix(words[0], "-") { // flock FILE -c LINE
				words = words[1:]
			}
			continue
		case strings.HasPrefix(word, "-"), strings.Contains(word, "=") && !strings.HasPrefix(word, "/"), programSlug(word) == "":
			words = words[1:]
			continue
		}
		return append([]string{programSlug(word)}, argumentSlugs(word, words[1:])...)
	}
	return nil
}

// programSlug is a program's name without its folder and what kind of script it is.
func programSlug(word string) string {
	base := path.Base(strings.Trim(word, `"'`+"`"))
	switch ext := path.Ext(base); ext {
	case ".sh", ".py", ".pl", ".php", ".rb", ".js", ".bash", ".exe", ".bat", ".cmd", ".ps1", ".cron", ".jar":
		base = strings.TrimSuffix(base, ext)
	}
	return slug(base)
}

// argumentSlugs are what tells one call of a program from another: what it works on, how, and,
// last, where the program lies.
func argumentSlugs(program string, words []string) (slugs []string) {
	var options []string
	for _, word := range words {
		if strings.ContainsAny(word, "<>$`#") {
			break
		}
		switch s := programSlug(word); {
		case s == "" || s == "dev-null":
		case strings.HasPrefix(word, "-"):
			options = append(options, s)
		default:
			slugs = append(slugs, s)
		}
	}
	slugs = append(slugs, options...)
	slugs = slugs[:min(len(slugs), maxNameWords-2)]
	if folder := slug(path.Base(path.Dir(program))); folder != "" && folder != "bin" && folder != "sbin" {
		slugs = append(slugs, folder)
	}
	return slugs
}
