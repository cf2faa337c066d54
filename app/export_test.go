package app

import "net"

// ListenOn has the server accept connections of l instead of its own.
func (a *App) ListenOn(l net.Listener) error {
	err := a.listener.Close()
	a.listener = l
	return err
}
