// Package api is the HTTP surface of Crontopus: huma operations on a chi router; of those
// that come by the thousand huma has the description only (direct.go). It is a
// thin adapter: it knows who asks and what they may, checks what came in, calls the store
// and says what came of it. What changes jobs goes through Git, not through here.
//
// One file per resource holds its routes, its handlers and the small interface that it
// needs; router.go lists them. The package imports the root, schedule and api/wire; never
// store, syncer or agent: app joins them.
package api
