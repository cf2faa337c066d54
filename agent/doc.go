// Package agent is the program on a host: it enrolls, pulls the host's signed bundle,
// verifies it, asks the host's own policy, keeps the native scheduler's entries as the
// bundle says, and runs a job when the scheduler starts it.
//
// Three ways lead in. Enroll makes the host an agent, once. Daemon.Run keeps the
// scheduler in line for as long as it lives. Runner.Exec is one run of one job and needs
// neither the daemon nor the network. They meet only in the files of a State folder, so
// any of them may be away or restarted at any time.
//
// The package imports the root, schedule, envelope, api/wire, api/client and internal
// tools, and nothing of the server: it runs privileged on every host and is kept small.
package agent
