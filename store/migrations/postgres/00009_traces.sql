-- +goose Up

-- The spans on whose behalf something is to be done, by name: who does it may be another server.
ALTER TABLE sources ADD COLUMN requested_trace TEXT NOT NULL DEFAULT '';
ALTER TABLE publish_marks ADD COLUMN trace TEXT NOT NULL DEFAULT '';
ALTER TABLE publications ADD COLUMN trace TEXT NOT NULL DEFAULT '';
