// Package storetest is what every engine of package store must pass: one suite, its cases
// filed by topic. Joining it takes a function that opens an empty store.
//
// It imports the root package, store and the test libraries.
package storetest

import (
	"testing"

	"crontopus.dev/crontopus/store"
)

// Run runs all cases. open returns a new, empty store and closes it when its test ends.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	for topic, cases := range map[string]map[string]func(*testing.T, *store.Store){
		"tenants": tenantCases,
		"runs":    runCases,
	} {
		t.Run(topic, func(t *testing.T) {
			for name, run := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					run(t, open(t))
				})
			}
		})
	}
}
