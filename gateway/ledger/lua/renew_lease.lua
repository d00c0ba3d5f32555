-- Renews a lease and removes some of what is over. How time is watched: see watched_time.py.
--
-- ARGV[1]: {lease_id, now_us, length_us}
-- Answers 1 if the lease was there before, else 0.

local last_us = tonumber(redis.call('HGET', lease_clock, 'last_us') or '0')
local at_us, passed_us = watched_us(), order.now_us - last_us
if passed_us > 0 and passed_us <= order.gap_us then
    at_us = at_us + passed_us
end
if passed_us > 0 or passed_us < -order.tolerance_us then
    redis.call('HSET', lease_clock, 'last_us', whole(order.now_us), 'watched_us', whole(at_us))
end

local was_there = redis.call('ZSCORE', leases, order.lease_id) and 1 or 0
local is_changed = not is_live(order.lease_id, at_us) and has_claims(order.lease_id)
redis.call('ZADD', leases, whole(at_us + order.length_us), order.lease_id)
redis.call('ZADD', kept, whole(at_us + order.length_us + order.keep_us), order.lease_id)

local expired = redis.call('ZRANGEBYSCORE', expiry, '-inf', whole(order.now_us), 'LIMIT', 0, order.gc_rows)
for _, field in ipairs(expired) do
    is_changed = drop(field) or is_changed
end
is_changed = remove_ended(at_us) or is_changed
bump_if(is_changed)
return was_there
