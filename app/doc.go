// Package app is the composition root of the server: it opens the store, reads the keys,
// joins syncer, publisher and API through the small interfaces that each declares, and
// takes them down in order. It is the only package that imports everything; only cli
// imports it.
package app
