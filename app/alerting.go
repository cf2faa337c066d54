package app

import (
	"net/netip"
	"time"

	"crontopus.dev/crontopus/alert"
	"crontopus.dev/crontopus/internal/netguard"
)

// newDeliverer joins what sends notifications with the store. A test of a channel needs it on
// servers without the role alert, too.
func (a *App) newDeliverer(networks []netip.Prefix) *alert.Deliverer {
	return alert.NewDeliverer(alert.DelivererOptions{
		Store: a.store, Guard: netguard.Guard{Allow: networks}, Now: time.Now, Log: a.log,
		Observe: a.metrics.Attempted,
		Link:    func(incident string) string { return a.URL() + "/incidents/" + incident },
	})
}
