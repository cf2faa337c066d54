-- +goose Up

-- What the servers on one database agree on: the oldest schema that a server must know to
-- understand this one; which of them publishes, and until when that holds without a word from
-- it; which key seals credentials; and the statements of the key sets, which are public.
ALTER TABLE installation ADD COLUMN oldest_schema BIGINT NOT NULL DEFAULT 1;
ALTER TABLE installation ADD COLUMN publisher_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE installation ADD COLUMN publisher_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN box_key TEXT NOT NULL DEFAULT '';
ALTER TABLE installation ADD COLUMN key_statements TEXT NOT NULL DEFAULT '';
