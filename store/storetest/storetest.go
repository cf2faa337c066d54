// Package storetest is what every engine of package store must pass: one suite, its cases
// filed by topic. Joining it takes a function that opens an empty store.
//
// It imports the root package, store and the test libraries.
package storetest

import (
	"testing"

	"crontopus.dev/crontopus/store"
)

// cases are the cases of a topic, by the situation that each is about.
type cases map[string]func(t *testing.T, s *store.Store)

// Run runs all cases, each on a store of its own. open returns a new, empty store and
// closes it when its test ends.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	topics := map[string]cases{
		"agents":        agentCases,
		"alerting":      alertingCases,
		"api keys":      apiKeyCases,
		"audit":         auditCases,
		"badges":        badgeCases,
		"check-ins":     checkInCases,
		"desired":       desiredCases,
		"due":           dueCases,
		"following":     followCases,
		"lease":         leaseCases,
		"looks":         lookCases,
		"enrolment":     enrollCases,
		"installation":  installationCases,
		"incidents":     incidentCases,
		"isolation":     isolationCases,
		"jobs":          jobCases,
		"pings":         pingCases,
		"ping logs":     pingLogCases,
		"notifications": notificationCases,
		"secrets":       secretCases,
		"pins":          pinCases,
		"publications":  publicationCases,
		"retention":     retentionCases,
		"runs":          runCases,
		"sources":       sourceCases,
		"stats":         statsCases,
		"traces":        traceCases,
		"syncs":         syncCases,
		"tenants":       tenantCases,
	}
	for topic, cases := range topics {
		t.Run(topic, func(t *testing.T) {
			for situation, run := range cases {
				t.Run(situation, func(t *testing.T) {
					t.Parallel()
					run(t, open(t))
				})
			}
		})
	}
}
