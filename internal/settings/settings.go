// Package settings gives a program's flags their values from a file, then the
// environment, then the command line, each over the one before. The flag set is the only
// list of settings: a file key is the flag's name in camelCase, a variable its name in
// capitals behind a prefix. Both programs' commands import it.
package settings

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"crontopus.dev/crontopus"
)

// maxFile bounds a settings file.
const maxFile = 256 << 10

// Apply fills in every flag that was not given on the command line: from the variable
// PREFIX_FLAG_NAME, else from the YAML file at path ("" reads none). It refuses a file
// that cannot be read, a key that names no flag and a value that a flag does
// not take, and says where.
func Apply(flags *pflag.FlagSet, path, prefix string, environ []string) error {
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	values, err := readFile(flags, path)
	if err != nil {
		return err
	}
	fromEnv := readEnviron(flags, prefix, environ)
	return errors.Join(set(flags, values, given, fromEnv), set(flags, fromEnv, given, nil))
}

// setting is one value and where it stands, for messages.
type setting struct {
	values []string
	origin string
}

func set(flags *pflag.FlagSet, values map[string]setting, given map[string]bool, over map[string]setting) error {
	for name, s := range values {
		if _, overridden := over[name]; overridden || given[name] {
			continue
		}
		for _, v := range s.values {
			if err := flags.Set(name, v); err != nil {
				return crontopus.Errorf(crontopus.CodeInvalid, "%s: %w", s.origin, err)
			}
		}
	}
	return nil
}

func readFile(flags *pflag.FlagSet, path string) (map[string]setting, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "cannot read the configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, crontopus.Errorf(crontopus.CodeTooLarge, "%s: a configuration has at most %d bytes", path, maxFile)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, crontopus.Errorf(crontopus.CodeInvalid, "%s: not a YAML map of settings: %w", path, err)
	}
	values := map[string]setting{}
	for key, value := range doc {
		name := kebab(key)
		if flags.Lookup(name) == nil {
			return nil, unknown(flags, path, key)
		}
		s := setting{origin: path + ": " + key}
		if list, isList := value.([]any); isList {
			for _, v := range list {
				s.values = append(s.values, fmt.Sprint(v))
			}
		} else {
			s.values = []string{fmt.Sprint(value)}
		}
		values[name] = s
	}
	return values, nil
}

func unknown(flags *pflag.FlagSet, path, key string) error {
	var known []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			known = append(known, camel(f.Name))
		}
	})
	return crontopus.Errorf(crontopus.CodeInvalid, "%s: no setting is called %q", path, key).
		WithHint("the settings are %s", strings.Join(known, ", "))
}

func readEnviron(flags *pflag.FlagSet, prefix string, environ []string) map[string]setting {
	values := map[string]setting{}
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(variable, prefix+"_")
		if !ours || value == "" {
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(rest), "_", "-")
		if flags.Lookup(name) != nil {
			values[name] = setting{values: []string{value}, origin: variable}
		}
	}
	return values
}

// kebab turns allowNetwork into allow-network.
func kebab(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// camel turns allow-network into allowNetwork.
func camel(s string) string {
	first, rest, _ := strings.Cut(s, "-")
	for rest != "" {
		var word string
		word, rest, _ = strings.Cut(rest, "-")
		first += strings.ToUpper(word[:1]) + word[1:]
	}
	return first
}
