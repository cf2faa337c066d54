// Package syncer brings what Git says into effect: it fetches each source's branch, reads
// and checks its manifests, holds a mass removal for a person, writes the desired state,
// and publishes one signed bundle for each agent.
//
// Two components run: a Syncer (Git to desired state, one sync at a time for a source) and
// a Publisher (desired state to signed bundles). Everything that touches a repository's
// bytes before they are checked happens in a child process, ServeFetch, which knows no
// database and no key; protocol.go is what the two say to each other.
//
//	syncer.go     which source is due, how many at once, and whose it is among several servers
//	sync.go       one sync, stage by stage
//	fetch.go      the parent's side of the child process
//	child.go      the child: mirror.go fetches, tree.go lists, history.go says who changed what
//	listing.go    what a commit holds, remembered, so that the child tells only what differs
//	load.go       blobs to manifests, through a cache by blob hash
//	memory.go     the desired state, remembered as far as its seal vouches for it
//	change.go     how a revision differs from it
//	guard.go      mass removal held
//	seal.go       the desired state signed, so that nobody else can write it
//	publisher.go  marked agents to signed bundles
//
// It imports the root, manifests and envelope, and what is internal; never store or api.
package syncer
