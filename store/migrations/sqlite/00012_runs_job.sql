-- +goose Up

-- Pings are of many jobs, and each changes a page of this index. Without the ids, which are longer than all else
-- of it, and with what tells jobs apart before what they share, a ping costs a tenth less. Runs of one job and
-- one instant are on different hosts, and few enough to be sorted.
DROP INDEX runs_job;
CREATE INDEX runs_job ON runs (name, namespace, tenant_id, at);

-- It is to be chosen, too: to read all runs in order, or all bad ones, rather than sort a few looks cheaper to a planner
-- that takes every tenant to have ten, and those of an agent, which are as many, are not to be sorted (https://www.sqlite.org/fileformat2.html#stat1tab).
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('runs', 'runs_newest', '1000000 1000000 10 1'),
    ('runs', 'runs_bad', '100000 100000 10 1'),
    ('runs', 'runs_agent', '1000000 1000000 1000000 10 1'),
    ('runs', 'runs_job', '1000000 1000 1000 1000 1');
ANALYZE sqlite_schema;
