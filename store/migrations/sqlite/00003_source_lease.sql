-- +goose Up

-- Which server syncs the source now, and until when that holds without a word from it.
ALTER TABLE sources ADD COLUMN lease_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
