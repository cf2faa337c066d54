package app

import "crontopus.dev/crontopus/store"

// heed passes on what another server has changed. What this one changes its parts tell one
// another without a way round through the database.
func (a *App) heed(c store.Change) {
	switch c.Kind {
	case store.ChangedAgents:
		a.api.Published(c.Tenant, c.Agents)
	case store.ChangedMarks:
		a.publisher.Wake()
	case store.ChangedSources:
		a.syncer.Wake()
	}
}
