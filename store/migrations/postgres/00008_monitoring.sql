-- +goose Up

-- What the repositories say of alerting: policies, channels and maintenance windows. Nothing of
-- it reaches a host, so no seal covers it.
CREATE TABLE desired_alerting (
    tenant_id TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    namespace TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    path      TEXT   NOT NULL,
    line      BIGINT NOT NULL,
    revision  TEXT   NOT NULL,
    body      TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, kind, namespace, name),
    FOREIGN KEY (tenant_id, source_id) REFERENCES desired_states (tenant_id, source_id) ON DELETE CASCADE
);
CREATE INDEX desired_alerting_source ON desired_alerting (tenant_id, source_id);

-- Values that channels refer to, sealed by the secret box.
CREATE TABLE secrets (
    tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    name       TEXT COLLATE "C" NOT NULL,
    sealed     BYTEA  NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- The address at which a job without an agent checks in: a random capability of its own.
CREATE TABLE ping_urls (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    namespace  TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, namespace, name),
    FOREIGN KEY (tenant_id, namespace, name) REFERENCES job_names (tenant_id, namespace, name)
);
CREATE UNIQUE INDEX ping_urls_id ON ping_urls (id);

-- A key that checks in for the jobs of one namespace by their names.
CREATE TABLE ping_keys (
    tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id         TEXT COLLATE "C" NOT NULL,
    namespace  TEXT COLLATE "C" NOT NULL,
    hash       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX ping_keys_hash ON ping_keys (hash);

-- Unguessable addresses of badges: of one job, or of all with a label.
CREATE TABLE badges (
    tenant_id   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id          TEXT COLLATE "C" NOT NULL,
    namespace   TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL, -- '': all jobs with the label
    label       TEXT COLLATE "C" NOT NULL, -- key=value, '' for one job
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX badges_id ON badges (id);
CREATE UNIQUE INDEX badges_of ON badges (tenant_id, namespace, name, label);

-- Why, as a code, beside the message for people.
ALTER TABLE runs ADD COLUMN reason TEXT NOT NULL DEFAULT '';
-- The few that did not go well are found without reading the many that did.
CREATE INDEX runs_bad ON runs (tenant_id, at, id) WHERE state IN ('failed', 'timedOut');
-- So is what goes on: a ping that names no run ends the last one of its job.
CREATE INDEX runs_open ON runs (tenant_id, namespace, name, at, id) WHERE state = 'running';

-- What the detector looks at, and when next.
CREATE TABLE watches (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id        TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    namespace TEXT COLLATE "C" NOT NULL, -- of an entry's job; '' for others
    name      TEXT COLLATE "C" NOT NULL,
    agent_id  TEXT COLLATE "C" NOT NULL, -- '' for a job without an agent, and a source
    source_id TEXT COLLATE "C" NOT NULL,
    look_at   BIGINT NOT NULL,
    alert     BIGINT NOT NULL, -- each check-in is a signal, not only bad ones
    state     TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX watches_look ON watches (look_at);
CREATE INDEX watches_alert ON watches (tenant_id, id) WHERE alert = 1;
CREATE INDEX watches_job ON watches (tenant_id, namespace, name) WHERE kind = 'entry';
CREATE INDEX watches_agent ON watches (tenant_id, agent_id) WHERE agent_id <> '';

-- Runs whose check-ins the detector has not seen.
CREATE TABLE signals (
    tenant_id TEXT COLLATE "C" NOT NULL,
    watch_id  TEXT COLLATE "C" NOT NULL,
    run_id    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, watch_id, run_id),
    FOREIGN KEY (tenant_id, watch_id) REFERENCES watches (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE incidents (
    tenant_id   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id          TEXT COLLATE "C" NOT NULL,
    watch_id    TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    namespace   TEXT COLLATE "C" NOT NULL, -- of the job, '' where there is none
    name        TEXT COLLATE "C" NOT NULL,
    agent       TEXT COLLATE "C" NOT NULL, -- by name
    opened_at   BIGINT NOT NULL,
    resolved_at BIGINT,
    route_at    BIGINT,          -- when it is next seen to who must be told; none: never again
    body        TEXT   NOT NULL,
    routing     TEXT   NOT NULL, -- what is remembered of who was told
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX incidents_open ON incidents (tenant_id, watch_id) WHERE resolved_at IS NULL;
CREATE INDEX incidents_route ON incidents (route_at) WHERE route_at IS NOT NULL;
CREATE INDEX incidents_newest ON incidents (tenant_id, opened_at, id);
CREATE INDEX incidents_job ON incidents (tenant_id, namespace, name, opened_at);

CREATE TABLE incident_events (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    incident_id TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    actor       TEXT   NOT NULL,
    what        TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX incident_events_of ON incident_events (tenant_id, incident_id, at, id);

CREATE TABLE silences (
    tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id         TEXT COLLATE "C" NOT NULL,
    until_at   BIGINT NOT NULL,
    ended_at   BIGINT,
    created_at BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX silences_until ON silences (tenant_id, until_at);

-- Every message that was decided on, and every attempt to deliver it.
CREATE TABLE notifications (
    tenant_id   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id          TEXT COLLATE "C" NOT NULL,
    incident_id TEXT COLLATE "C",           -- none: a test of the channel
    namespace   TEXT COLLATE "C" NOT NULL, -- of the channel
    name        TEXT COLLATE "C" NOT NULL,
    what        TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    attempts    TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX notifications_incident ON notifications (tenant_id, incident_id);
CREATE INDEX notifications_channel ON notifications (tenant_id, namespace, name, at);

-- Since when servers have been looking without a gap, and when one last did: who was away
-- does not take its own absence for others'.
ALTER TABLE installation ADD COLUMN looking_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN looked_at BIGINT NOT NULL DEFAULT 0;

ALTER TABLE desired_alerting ENABLE ROW LEVEL SECURITY;
ALTER TABLE desired_alerting FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON desired_alerting USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON secrets USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE ping_urls ENABLE ROW LEVEL SECURITY;
ALTER TABLE ping_urls FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ping_urls USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE ping_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE ping_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ping_keys USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE badges ENABLE ROW LEVEL SECURITY;
ALTER TABLE badges FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON badges USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE watches ENABLE ROW LEVEL SECURITY;
ALTER TABLE watches FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON watches USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE signals ENABLE ROW LEVEL SECURITY;
ALTER TABLE signals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON signals USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE incidents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON incidents USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE incident_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE incident_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON incident_events USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE silences ENABLE ROW LEVEL SECURITY;
ALTER TABLE silences FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON silences USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE notifications FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notifications USING (current_setting('crontopus.tenant', true) IN (tenant_id, '*'));

-- Whatever there is already is looked at once, and then when it is due.
SELECT set_config('crontopus.tenant', '*', true);
INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
    SELECT tenant_id, 'agent/' || id, 'agent', '', '', id, '', 0, 0, '{}' FROM agents WHERE revoked_at IS NULL;
INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
    SELECT tenant_id, 'source/' || id, 'source', '', '', '', id, 0, 0, '{}' FROM sources WHERE removed_at IS NULL;
INSERT INTO watches (tenant_id, id, kind, namespace, name, agent_id, source_id, look_at, alert, state)
    SELECT tenant_id, 'entry/' || namespace || '/' || name || '/' || agent_id, 'entry', namespace, name, agent_id, '', 0, 0, '{}'
    FROM agent_jobs WHERE current = 1;
