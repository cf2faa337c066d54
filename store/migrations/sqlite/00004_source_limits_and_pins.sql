-- +goose Up

-- What the source's jobs may reach, as JSON, and the commit that a person holds it at.
ALTER TABLE sources ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE sources ADD COLUMN pinned TEXT NOT NULL DEFAULT '';
