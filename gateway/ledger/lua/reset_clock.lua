-- Moves every charge that lies after a time to that time.
--
-- KEYS: clock
-- ARGV: now_us, prefix of rate slots, of fingerprints, of daily sums

local now_us = tonumber(ARGV[1])

local function each(prefix, step)
    local cursor = '0'
    repeat
        local page = redis.call('SCAN', cursor, 'MATCH', prefix .. '*', 'COUNT', 1000)
        cursor = page[1]
        for _, key in ipairs(page[2]) do
            step(key)
        end
    until cursor == '0'
end

local function clamp_scores(key)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. ARGV[1], '+inf')) do
        redis.call('ZADD', key, ARGV[1], member)
    end
end

each(ARGV[2], clamp_scores)
each(ARGV[3], clamp_scores)
each(ARGV[4], function(key)
    if tonumber(redis.call('HGET', key, 'day_us')) > now_us then
        redis.call('HSET', key, 'day_us', ARGV[1])
    end
end)
if tonumber(redis.call('GET', KEYS[1]) or '0') > now_us then
    redis.call('SET', KEYS[1], ARGV[1])
end
return 1
