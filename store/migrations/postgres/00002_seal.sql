-- +goose Up

-- The syncer's signature over a source's desired state. What was stored before has none: the
-- next sync of its source seals it.
ALTER TABLE desired_states ADD COLUMN seal BYTEA NOT NULL DEFAULT '';
