-- +goose Up

-- Times are Unix microseconds, booleans 0 or 1, structured values JSON text. Every table
-- of a tenant has tenant_id in its key and in its foreign keys, so that no row can point
-- at another tenant's.

CREATE TABLE installation (
    id    TEXT   NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL
);

CREATE TABLE tenants (
    id               TEXT   NOT NULL PRIMARY KEY,
    name             TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    agents_sequence  BIGINT NOT NULL DEFAULT 0, -- grows when what targets match of an agent changes
    desired_sequence BIGINT NOT NULL DEFAULT 0  -- grows with every change of the desired state
);

CREATE TABLE audit (
    tenant_id TEXT   NOT NULL REFERENCES tenants (id),
    id        TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    action    TEXT   NOT NULL,
    object    TEXT   NOT NULL,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_newest ON audit (tenant_id, at, id);

CREATE TABLE api_keys (
    tenant_id  TEXT   NOT NULL REFERENCES tenants (id),
    id         TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    hash       BLOB   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE enrollment_tokens (
    tenant_id    TEXT   NOT NULL REFERENCES tenants (id),
    id           TEXT   NOT NULL,
    hash         BLOB   NOT NULL,
    labels       TEXT   NOT NULL,
    name         TEXT   NOT NULL,
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
    tenant_id        TEXT   NOT NULL REFERENCES tenants (id),
    id               TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    name_fixed       BIGINT NOT NULL,
    labels           TEXT   NOT NULL,
    facts            TEXT   NOT NULL,
    match_facts      BIGINT NOT NULL,
    public_key       BLOB   NOT NULL,
    token_id         TEXT   NOT NULL, -- that it enrolled with
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
    tenant_id       TEXT   NOT NULL REFERENCES tenants (id),
    id              TEXT   NOT NULL,
    name            TEXT   NOT NULL,
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
    secrets         BLOB   NOT NULL, -- sealed by the secret box
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX sources_id ON sources (id);
CREATE UNIQUE INDEX sources_name ON sources (tenant_id, name);

CREATE TABLE syncs (
    tenant_id  TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    source_id  TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX syncs_newest ON syncs (tenant_id, source_id, started_at, id);

-- The name of every job that was ever desired: a removed job still takes its late
-- check-ins and keeps its runs.
CREATE TABLE job_names (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, namespace, name)
);

CREATE TABLE desired_states (
    tenant_id TEXT   NOT NULL,
    source_id TEXT   NOT NULL,
    sequence  BIGINT NOT NULL,
    revision  TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, source_id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE desired_jobs (
    tenant_id   TEXT   NOT NULL,
    namespace   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    source_id   TEXT   NOT NULL,
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
    tenant_id TEXT   NOT NULL,
    agent_id  TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    pending   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);
CREATE INDEX publish_marks_pending ON publish_marks (agent_id) WHERE pending = 1;

CREATE TABLE publications (
    tenant_id   TEXT   NOT NULL,
    agent_id    TEXT   NOT NULL,
    epoch       BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    jobs_digest TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    envelope    BLOB   NOT NULL,
    PRIMARY KEY (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);
CREATE INDEX publications_expiring ON publications (expires_at);

-- What an agent may check in for: every job that was ever in one of its bundles.
-- current marks those of the newest.
CREATE TABLE agent_jobs (
    tenant_id TEXT   NOT NULL,
    agent_id  TEXT   NOT NULL,
    namespace TEXT   NOT NULL,
    name      TEXT   NOT NULL,
    current   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, namespace, name),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, namespace, name) REFERENCES job_names (tenant_id, namespace, name)
);
CREATE INDEX agent_jobs_job ON agent_jobs (tenant_id, namespace, name, agent_id);

CREATE TABLE runs (
    tenant_id     TEXT   NOT NULL,
    id            TEXT   NOT NULL,
    namespace     TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    agent_id      TEXT,            -- none: reported with an API key
    at            BIGINT NOT NULL, -- what lists are sorted by; never changes
    state         TEXT   NOT NULL,
    scheduled_for BIGINT,
    started_at    BIGINT,
    finished_at   BIGINT,
    exit_code     BIGINT,
    attempt       BIGINT NOT NULL,
    message       TEXT   NOT NULL,
    revision      TEXT   NOT NULL,
    output        BLOB   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, namespace, name) REFERENCES job_names (tenant_id, namespace, name)
);
CREATE UNIQUE INDEX runs_due ON runs (tenant_id, namespace, name, agent_id, scheduled_for);
CREATE INDEX runs_newest ON runs (tenant_id, at, id);
CREATE INDEX runs_job ON runs (tenant_id, namespace, name, at, id);
CREATE INDEX runs_agent ON runs (tenant_id, agent_id, at, id);
