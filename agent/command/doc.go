// Package command holds the commands of the program crontopus-agent, one file each. It
// joins what package agent leaves open (which scheduler, which server, which settings)
// and prints; it decides nothing about jobs.
//
// Rules of who is told what: data goes to standard output, talk and logs to standard
// error, and an error is printed once, by report, with what to do next. The exit code is
// 0 if it worked, 2 if it could not be done; exec exits with the job's own code.
//
// It imports agent and its schedulers, api/client, the root, schedule, internal/settings and internal/usage.
package command
