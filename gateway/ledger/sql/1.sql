-- Times are microseconds since the epoch, amounts millionths of the currency.

CREATE TABLE intent (
    intent_id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    acc_id TEXT NOT NULL,
    market TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT,
    remark TEXT NOT NULL,
    target_order_id TEXT,
    state TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    sent_us INTEGER,
    order_id TEXT,
    order_id_ex TEXT,
    resolution TEXT,
    detail TEXT NOT NULL,
    debit_currency TEXT,
    debit_micros INTEGER,
    debit_day_us INTEGER,
    debit_returned INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX intent_created ON intent (created_us);
CREATE INDEX intent_open ON intent (created_us) WHERE state IN ('reserved', 'sent', 'unknown');
CREATE INDEX intent_done ON intent (updated_us) WHERE state NOT IN ('reserved', 'sent', 'unknown');

CREATE TABLE rate_slot (
    key_id TEXT NOT NULL,
    taken_us INTEGER NOT NULL,
    intent_id TEXT NOT NULL,
    PRIMARY KEY (key_id, taken_us, intent_id)
) STRICT, WITHOUT ROWID;

-- One row a key and currency: the sum of the latest day that anything was charged to.
CREATE TABLE daily_sum (
    key_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    day_us INTEGER NOT NULL,
    used_micros INTEGER NOT NULL CHECK (used_micros >= 0),
    PRIMARY KEY (key_id, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE fingerprint (
    key_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    seen_us INTEGER NOT NULL,
    PRIMARY KEY (key_id, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX fingerprint_seen ON fingerprint (key_id, seen_us);

CREATE TABLE replay (
    kind TEXT NOT NULL,
    key_id TEXT NOT NULL,
    route TEXT NOT NULL,
    token TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    intent_id TEXT NOT NULL,
    status INTEGER,
    body BLOB,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (kind, key_id, route, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX replay_expires ON replay (expires_us);

-- The empty key_id is the switch for all keys.
CREATE TABLE trading (
    key_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE generation (
    topic TEXT PRIMARY KEY,
    counter INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The latest time at which anything was charged.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    latest_us INTEGER NOT NULL
) STRICT;
INSERT INTO clock VALUES (1, 0)
