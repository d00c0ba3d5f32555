-- Claims a request, or tells the earlier one that has the same key.
--
-- KEYS: replay, clock
-- ARGV: now_us, ttl_us, body_hash, intent_id, removal after so many ms of the server's own clock, how many us
-- longer an earlier one is remembered
-- Answers nil for a new claim, else {body_hash, intent_id, status or nil, body or nil}.

local now_us = math.max(tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[2]) or '0'))
local expires_us = tonumber(redis.call('HGET', KEYS[1], 'expires_us') or '-inf')
if expires_us + tonumber(ARGV[6]) > now_us then
    return redis.call('HMGET', KEYS[1], 'body_hash', 'intent_id', 'status', 'body')
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'body_hash', ARGV[3], 'intent_id', ARGV[4],
    'expires_us', string.format('%.0f', now_us + tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return false
