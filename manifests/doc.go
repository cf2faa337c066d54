// Package manifests reads what people keep in Git: YAML text in, jobs with positions and
// every problem at once out; and it compiles jobs to what each agent gets. No network, no
// database, and files only through an fs.FS.
//
// A file passes, in this order: the guard (size, text, blank lines), the split into
// documents, the tokens (how many, how deep, nothing that YAML should not do here), the
// tree, the JSON Schema, and the rules that a schema cannot say. Each has a file of its
// own here. The text may come from anyone: nothing in it can cost more than a second or
// 200 MiB.
//
// It imports the root, schedule, schema and the lexer and parser of goccy/go-yaml.
package manifests
