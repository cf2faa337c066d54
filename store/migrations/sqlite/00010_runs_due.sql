-- +goose Up

-- Pings are due at no instant, and each job's lay on a page of its own: half of what a batch of
-- them wrote was this index, which says nothing of them.
DROP INDEX runs_due;
CREATE UNIQUE INDEX runs_due ON runs (tenant_id, namespace, name, scheduled_for, agent_id) WHERE scheduled_for IS NOT NULL;
