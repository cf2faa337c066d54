-- +goose Up

-- The same columns in an order in which runs of one time lie together: a batch of check-ins
-- touches few pages instead of one for each agent.
DROP INDEX runs_due;
CREATE UNIQUE INDEX runs_due ON runs (tenant_id, namespace, name, scheduled_for, agent_id);

-- Runs that no agent reported are not looked for by this.
DROP INDEX runs_agent;
CREATE INDEX runs_agent ON runs (tenant_id, agent_id, at, id) WHERE agent_id IS NOT NULL;
