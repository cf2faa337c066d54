-- +goose Up

-- The sequence of its source's desired state at which a job was last written: who knows an
-- older one reads only what was written since.
ALTER TABLE desired_jobs ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
CREATE INDEX desired_jobs_since ON desired_jobs (tenant_id, source_id, sequence);
DROP INDEX desired_jobs_source; -- which that one begins with
