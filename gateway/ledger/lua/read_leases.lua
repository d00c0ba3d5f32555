-- Reads the leases with their time, and all claims where they are asked for, as of one moment.
--
-- KEYS: leases, lease clock, claims?
-- Answers {{lease, until_us, ...}, {last_us, watched_us}, claims as one JSON array [field, value, ...]}: one
-- text is read many times faster than thousands.

local rows = KEYS[3] and redis.call('HGETALL', KEYS[3]) or {}
return {
    redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'),
    redis.call('HMGET', KEYS[2], 'last_us', 'watched_us'),
    '[' .. table.concat(rows, ',') .. ']',
}
