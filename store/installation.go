package store

import (
	"context"
	"time"

	"crontopus.dev/crontopus"
)

// SystemAdoptBox notes that this store's box seals the credentials in the database. conflict
// means that another key does: what either of the two seals the other could not open.
func (s *Store) SystemAdoptBox(ctx context.Context) error {
	return s.engine.write(ctx, scopeSetup, func(t tx) error {
		n, err := t.Exec(ctx, "UPDATE installation SET box_key = $1 WHERE box_key IN ('', $1)", s.box.keyID)
		if err == nil && n == 0 {
			err = crontopus.Errorf(crontopus.CodeConflict, "the credentials in the database are sealed with another key than this server's (%s)", s.box.keyID)
		}
		return err
	})
}

// SystemKeyStatements returns the statements of the installation's key sets as text, "" where
// nobody has stored any yet. They prove themselves: the database vouches for nothing.
func (s *Store) SystemKeyStatements(ctx context.Context) (statements string, err error) {
	err = s.engine.read(ctx, scopeSetup, func(t tx) error {
		return t.QueryRow(ctx, "SELECT key_statements FROM installation").Scan(&statements)
	})
	return statements, err
}

// SystemReplaceKeyStatements puts the next statements in the place of those that were read
// before. conflict means that another server was first.
func (s *Store) SystemReplaceKeyStatements(ctx context.Context, was, next string) error {
	return s.engine.write(ctx, scopeSetup, func(t tx) error {
		n, err := t.Exec(ctx, "UPDATE installation SET key_statements = $1 WHERE key_statements = $2", next, was)
		if err != nil {
			return err
		}
		if n == 0 {
			return crontopus.Errorf(crontopus.CodeConflict, "another server changed the key set meanwhile").WithHint("try again")
		}
		return t.Tell(ctx, Change{Kind: ChangedKeys})
	})
}

// SystemLeasePublisher makes the owner the one that publishes, from now until then. conflict
// means that another owner is. One that claims an end twice as far away has a clock that is
// wrong, and keeps nobody out.
func (s *Store) SystemLeasePublisher(ctx context.Context, owner string, now, until time.Time) error {
	return s.engine.write(ctx, scopePublish, func(t tx) error {
		n, err := t.Exec(ctx, `
			UPDATE installation SET publisher_owner = $1, publisher_until = $2
			WHERE publisher_owner = $1 OR publisher_until <= $3 OR publisher_until > $4`,
			owner, micros(until), micros(now), micros(until.Add(until.Sub(now))))
		if err == nil && n == 0 {
			err = crontopus.Errorf(crontopus.CodeConflict, "another server publishes")
		}
		return err
	})
}

// SystemEndPublisherLease lets another server publish at once, if the owner is who does.
func (s *Store) SystemEndPublisherLease(ctx context.Context, owner string) error {
	return s.engine.write(ctx, scopePublish, func(t tx) error {
		n, err := t.Exec(ctx, "UPDATE installation SET publisher_owner = '', publisher_until = 0 WHERE publisher_owner = $1", owner)
		if err != nil || n == 0 {
			return err
		}
		return t.Tell(ctx, Change{Kind: ChangedMarks})
	})
}
