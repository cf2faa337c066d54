-- +goose Up

-- Times are Unix microseconds, booleans 0 or 1, structured values JSON text. Every table
-- of a tenant has tenant_id in its key and in its foreign keys, so that no row can point
-- at another tenant's. What is sorted or is part of a key compares byte for byte, whatever
-- the database's collation.

CREATE TABLE installation (
    id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL
);

-- No tenant may be called what the policies below read as nobody or everybody.
CREATE TABLE tenants (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id NOT IN ('', '*')),
    name             TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    agents_sequence  BIGINT NOT NULL DEFAULT 0, -- grows when what targets match of an agent changes
    desired_sequence BIGINT NOT NULL DEFAULT 0  -- grows with every change of the desired state
);

CREATE TABLE audit (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id        TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    action    TEXT   NOT NULL,
    object    TEXT   NOT NULL,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_newest ON audit (tenant_id, at, id);

CREATE TABLE api_keys (
    tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id         TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    role       TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE enrollment_tokens (
    tenant_id    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id           TEXT COLLATE "C" NOT NULL,
    hash         BYTEA  NOT NULL,
    labels       TEXT   NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    name_pattern TEXT   NOT NULL,
    match_facts  BIGINT NOT NULL,
    uses         BIGINT NOT NULL CHECK (uses >= 0), -- left
    uses_total   BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX enrollment_tokens_hash ON enrollment_tokens (hash);

CREATE TABLE agents (
    tenant_id        TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id               TEXT COLLATE "C" NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    name_fixed       BIGINT NOT NULL,
    labels           TEXT   NOT NULL,
    facts            TEXT   NOT NULL,
    match_facts      BIGINT NOT NULL,
    public_key       BYTEA  NOT NULL,
    token_id         TEXT COLLATE "C" NOT NULL, -- that it enrolled with
    sequence         BIGINT NOT NULL, -- the tenant's agents_sequence when it last changed
    enrolled_at      BIGINT NOT NULL,
    revoked_at       BIGINT,
    last_seen_at     BIGINT,
    spool_drained_at BIGINT,
    report           TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, token_id) REFERENCES enrollment_tokens (tenant_id, id)
);
CREATE UNIQUE INDEX agents_id ON agents (id);
CREATE UNIQUE INDEX agents_live_name ON agents (tenant_id, name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX agents_token_key ON agents (tenant_id, token_id, public_key);
CREATE INDEX agents_name ON agents (tenant_id, name, id);
CREATE INDEX agents_sequence ON agents (tenant_id, sequence);

CREATE TABLE sources (
    tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id              TEXT COLLATE "C" NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    url             TEXT   NOT NULL,
    branch          TEXT   NOT NULL,
    path            TEXT   NOT NULL,
    suspended       BIGINT NOT NULL,
    interval_us     BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    removed_at      BIGINT,
    approved        TEXT   NOT NULL,
    requested_at    BIGINT,
    requested_by    TEXT   NOT NULL,
    next_attempt_at BIGINT,
    status          TEXT   NOT NULL,
    secrets         BYTEA  NOT NULL, -- sealed by the secret box
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX sources_id ON sources (id);
CREATE UNIQUE INDEX sources_name ON sources (tenant_id, name);

CREATE TABLE syncs (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    source_id  TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX syncs_newest ON syncs (tenant_id, source_id, started_at, id);

-- The name of every job that was ever desired: a removed job still takes its late
-- check-ins and keeps its runs.
CREATE TABLE job_names (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    namespace TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, namespace, name)
);

CREATE TABLE desired_states (
    tenant_id TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    sequence  BIGINT NOT NULL,
    revision  TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, source_id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE desired_jobs (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    namespace   TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    source_id   TEXT COLLATE "C" NOT NULL,
    digest      TEXT   NOT NULL,
    path        TEXT   NOT NULL,
    line        BIGINT NOT NULL,
    revision    TEXT   NOT NULL,
    commit_info TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, namespace, name),
    FOREIGN KEY (tenant_id, namespace, name) REFERENCES job_names (tenant_id, namespace, name),
    FOREIGN KEY (tenant_id, source_id) REFERENCES desired_states (tenant_id, source_id) ON DELETE CASCADE
);
CREATE INDEX desired_jobs_source ON desired_jobs (tenant_id, source_id);

-- The publish queue. A row stays when its mark is cleared, so that version only grows.
CREATE TABLE publish_marks (
    tenant_id TEXT COLLATE "C" NOT NULL,
    agent_id  TEXT COLLATE "C" NOT NULL,
    version   BIGINT NOT NULL,
    pending   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);
CREATE INDEX publish_marks_pending ON publish_marks (agent_id) WHERE pending = 1;

CREATE TABLE publications (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    agent_id    TEXT COLLATE "C" NOT NULL,
    epoch       BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    jobs_digest TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    envelope    BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);
CREATE INDEX publications_expiring ON publications (expires_at);

-- What an agent may check in for: every job that was ever in one of its bundles.
-- current marks those of the newest.
CREATE TABLE agent_jobs (
    tenant_id TEXT COLLATE "C" NOT NULL,
    agent_id  TEXT COLLATE "C" NOT NULL,
    namespace TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    current   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, namespace, name),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, namespace, name) REFERENCES job_names (tenant_id, namespace, name)
);
CREATE INDEX agent_jobs_job ON agent_jobs (tenant_id, namespace, name, agent_id);

CREATE TABLE runs (
    tenant_id     TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    namespace     TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    agent_id      TEXT COLLATE "C",            -- none: reported with an API key
    at            BIGINT NOT NULL, -- what lists are sorted by; never changes
    state         TEXT   NOT NULL,
    scheduled_for BIGINT,
    started_at    BIGINT,
    finished_at   BIGINT,
    exit_code     BIGINT,
    attempt       BIGINT NOT NULL,
    message       TEXT   NOT NULL,
    revision      TEXT   NOT NULL,
    output        BYTEA  NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, namespace, name) REFERENCES job_names (tenant_id, namespace, name)
);
CREATE UNIQUE INDEX runs_due ON runs (tenant_id, namespace, name, agent_id, scheduled_for);
CREATE INDEX runs_newest ON runs (tenant_id, at, id);
CREATE INDEX runs_job ON runs (tenant_id, namespace, name, at, id);
CREATE INDEX runs_agent ON runs (tenant_id, agent_id, at, id);

-- The second wall: a transaction sees the rows of the tenant that it named, or all where a
-- system scope said so, or none. Forced, so that it binds the tables' owner, who is the
-- server. A migration that changes rows begins with SELECT set_config('crontopus.tenant', '*', true).

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (current_setting('crontopus.tenant', true) IN (id, '*'));

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE enrollment_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrollment_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON enrollment_tokens USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON agents USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sources USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE syncs ENABLE ROW LEVEL SECURITY;
ALTER TABLE syncs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON syncs USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE job_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_names FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON job_names USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE desired_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE desired_states FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON desired_states USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE desired_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE desired_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON desired_jobs USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE publish_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE publish_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON publish_marks USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE publications ENABLE ROW LEVEL SECURITY;
ALTER TABLE publications FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON publications USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE agent_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON agent_jobs USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE runs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON runs USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));
