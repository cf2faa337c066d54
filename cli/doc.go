// Package cli holds the commands of crontopus, one file each: the server and the demo,
// the tools that need no server (validate, schema, schedule) and the ones that ask one.
// It imports app, api/client, api/wire, manifests, schema, schedule and the root.
//
// Who is told what, and where:
//
//   - data goes to stdout: a table for a person, JSON or YAML for a program (-o);
//   - talk (progress, what to do next) goes to stderr, and never into a pipe;
//   - an error is returned by a command and printed by Main alone, with its hint;
//   - the exit code is 0 when all is well, 1 when problems or differences were found,
//     2 when the command could not do what it was asked.
package cli
