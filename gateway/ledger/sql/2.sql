-- Claims on real-time data, and the leases of the workers.

-- The worker that reserved an intent, NULL in rows from before there were leases.
ALTER TABLE intent ADD COLUMN lease_id TEXT;

CREATE TABLE claim (
    key_id TEXT NOT NULL,
    socket_id TEXT NOT NULL,
    market INTEGER NOT NULL,
    code TEXT NOT NULL,
    sub_type INTEGER NOT NULL,
    options TEXT NOT NULL,
    expires_us INTEGER,
    lease_id TEXT,
    PRIMARY KEY (key_id, socket_id, market, code, sub_type)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_expires ON claim (expires_us) WHERE expires_us IS NOT NULL;
CREATE INDEX claim_lease ON claim (lease_id) WHERE lease_id IS NOT NULL;

CREATE TABLE account_claim (
    key_id TEXT NOT NULL,
    socket_id TEXT NOT NULL,
    acc_id TEXT NOT NULL,
    lease_id TEXT,
    PRIMARY KEY (key_id, socket_id, acc_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_claim_lease ON account_claim (lease_id) WHERE lease_id IS NOT NULL;

-- Times are watched time. The until_us of a lease that was never renewed is NULL. Every lease that a claim
-- names has a row, which is kept for as long as the claim.
CREATE TABLE lease (
    lease_id TEXT PRIMARY KEY,
    until_us INTEGER,
    kept_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_kept ON lease (kept_us);

-- The wall time of the latest renewal, and how much time has been watched until then.
CREATE TABLE lease_clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_us INTEGER NOT NULL,
    watched_us INTEGER NOT NULL
) STRICT;
INSERT INTO lease_clock VALUES (1, 0, 0)
