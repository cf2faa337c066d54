-- +goose Up

-- Check-ins are the busiest writes. Each looked its agent and its job up twice: once to see
-- whether it may, in the same transaction, and once for these keys, which also locked the rows
-- and took a quarter of the time. Neither agents nor names of jobs are ever deleted.
ALTER TABLE runs DROP CONSTRAINT runs_tenant_id_agent_id_fkey;
ALTER TABLE runs DROP CONSTRAINT runs_tenant_id_namespace_name_fkey;

-- The same columns in an order in which runs of one time lie together: a batch of check-ins
-- touches few pages instead of one for each agent.
DROP INDEX runs_due;
CREATE UNIQUE INDEX runs_due ON runs (tenant_id, namespace, name, scheduled_for, agent_id);

-- Runs that no agent reported are not looked for by this.
DROP INDEX runs_agent;
CREATE INDEX runs_agent ON runs (tenant_id, agent_id, at, id) WHERE agent_id IS NOT NULL;
