package agent

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
)

// ParseRules reads a policy's YAML. What it does not understand it refuses: a rule that
// is misspelled would otherwise be no rule.
func ParseRules(file string, data []byte) (Rules, error) {
	var rules Rules
	if err := plainYAML(data); err != nil {
		return Rules{}, crontopus.Errorf(crontopus.CodeInvalid, "the host's policy %s: %w", file, err)
	}
	err := yaml.UnmarshalWithOptions(data, &rules, yaml.Strict())
	if unknown, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		return Rules{}, unknownRule(file, unknown)
	}
	if err != nil {
		return Rules{}, crontopus.Errorf(crontopus.CodeInvalid, "the host's policy %s: %s", file, yaml.FormatError(err, false, false))
	}
	if err := rules.check(); err != nil {
		return Rules{}, crontopus.Errorf(crontopus.CodeInvalid, "the host's policy %s: %w", file, err)
	}
	if rule := emptyRule(data); rule != "" {
		return Rules{}, crontopus.Errorf(crontopus.CodeInvalid, "the host's policy %s: %s has no value", file, rule).
			WithHint("write %s: [] to allow nothing, or leave the rule out to allow everything", rule)
	}
	return rules, nil
}

// emptyRule returns a rule that is written without a value: its author meant something,
// and reading it as no rule could be the opposite.
func emptyRule(data []byte) string {
	var values map[string]any
	if yaml.Unmarshal(data, &values) != nil {
		return ""
	}
	for rule, value := range values {
		if value == nil {
			return rule
		}
	}
	return ""
}

// plainYAML refuses what a policy never needs and what makes a parser slow: anchors,
// aliases, tags, several documents and deep nesting.
func plainYAML(data []byte) error {
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("it holds a NUL byte")
	}
	depth := 0
	for i, t := range lexer.Tokenize(string(data)) {
		switch t.Type {
		case token.DocumentHeaderType:
			if i > 0 {
				return crontopus.Errorf(crontopus.CodeInvalid, "line %d: a policy is one document", t.Position.Line)
			}
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.DocumentEndType:
			return crontopus.Errorf(crontopus.CodeInvalid, "line %d: %q is not part of a policy", t.Position.Line, t.Value)
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > 4 || t.Position.IndentNum > 40 {
			return crontopus.Errorf(crontopus.CodeInvalid, "line %d: nested too deeply", t.Position.Line)
		}
	}
	return nil
}

func unknownRule(file string, unknown *yaml.UnknownFieldError) error {
	key := unknown.GetToken()
	var known []string
	for field := range reflect.TypeFor[Rules]().Fields() {
		known = append(known, field.Tag.Get("yaml"))
	}
	e := crontopus.Errorf(crontopus.CodeInvalid, "the host's policy %s: line %d: no rule is called %q", file, key.Position.Line, key.Value)
	if near := suggest.Nearest(key.Value, known); near != "" {
		return e.WithHint("did you mean %s?", near)
	}
	return e.WithHint("the rules are %s", strings.Join(known, ", "))
}

// check refuses rules that say nothing, or the opposite of what they seem to say.
func (r *Rules) check() error {
	if r.MaxJobs != nil && *r.MaxJobs < 0 || r.MaxRemovals != nil && *r.MaxRemovals < 0 {
		return errors.New("maxJobs and maxRemovals count from 0")
	}
	for _, list := range [][]string{r.Sources, r.Users, r.Environment, r.SecretPaths} {
		if slices.Contains(list, "") {
			return errors.New("a list holds an empty entry")
		}
	}
	for _, name := range r.Environment {
		if matchesName(neverEnvironment, name) || slices.Contains(neverEnvironment, name) {
			return crontopus.Errorf(crontopus.CodeInvalid, "environment cannot allow %s, which decides what code runs", name)
		}
	}
	for _, file := range r.SecretPaths {
		if !filepath.IsAbs(file) {
			return crontopus.Errorf(crontopus.CodeInvalid, "secretPaths: %q is not a whole path", file)
		}
	}
	return nil
}

// UnmarshalYAML reads a path, or a list that is one exact argv.
func (e *Executable) UnmarshalYAML(unmarshal func(any) error) error {
	var argv []string
	if unmarshal(&e.Path) != nil {
		if err := unmarshal(&argv); err != nil || len(argv) == 0 {
			return errors.New("executables: write a path, or a list with one exact argv")
		}
		e.Path, e.Argv = argv[0], argv
	}
	if !filepath.IsAbs(e.Path) {
		return crontopus.Errorf(crontopus.CodeInvalid, "executables: %q is not a whole path", e.Path)
	}
	if e.Argv == nil && isLauncher(e.Path) {
		return crontopus.Errorf(crontopus.CodeInvalid, "executables: %s runs whatever its arguments say; allow one exact argv, such as [%s, argument]", e.Path, e.Path)
	}
	return nil
}
