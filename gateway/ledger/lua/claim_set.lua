-- The claims and their indexes: comes before each script that changes them.
--
-- KEYS: claims (field -> value), claim expiry (field by expires_us), leases (id by until_us), leases
--       kept (id by kept_us), lease clock {last_us, watched_us}, generation
-- ARGV[1]: {prefix, topic, gc_rows, gap_us, keep_us, tolerance_us, ... what the script says}
-- Fields are ["s" or "a", key, socket, ...], values [lease or null, ...]: see redis_claim.py. Beside them:
--   held:[key,socket]  the fields of one holder
--   sockets:key        the sockets of one key that hold any, that of the key itself being ""
--   leased:lease       the fields that hang on one lease
-- until_us and kept_us are watched time. A lease that was never renewed is among those kept alone.

local order = cjson.decode(ARGV[1])
local claims, expiry, leases, kept, lease_clock, generation = unpack(KEYS)

local function whole(number)
    return string.format('%.0f', number)
end

local function present(value)
    return value ~= nil and value ~= cjson.null
end

local function held_key(key_id, socket_id)
    return order.prefix .. 'held:' .. cjson.encode({key_id, socket_id})
end

local function sockets_key(key_id)
    return order.prefix .. 'sockets:' .. key_id
end

local function leased_key(lease_id)
    return order.prefix .. 'leased:' .. lease_id
end

local function watched_us()
    return tonumber(redis.call('HGET', lease_clock, 'watched_us') or '0')
end

local function is_live(lease_id, at_us)
    return tonumber(redis.call('ZSCORE', leases, lease_id) or '-inf') > at_us
end

local function has_claims(lease_id)
    return redis.call('EXISTS', leased_key(lease_id)) == 1
end

local function is_subscription(field)
    return cjson.decode(field)[1] == 's'
end

local function bump_if(is_changed)
    if is_changed then
        redis.call('HINCRBY', generation, order.topic, 1)
    end
end

-- Says whether there was such a claim.
local function drop(field)
    local value = redis.call('HGET', claims, field)
    if not value then
        return false
    end
    local names, lease_id = cjson.decode(field), cjson.decode(value)[1]
    local held = held_key(names[2], names[3])
    redis.call('HDEL', claims, field)
    redis.call('ZREM', expiry, field)
    redis.call('SREM', held, field)
    if redis.call('EXISTS', held) == 0 then
        redis.call('SREM', sockets_key(names[2]), names[3])
    end
    if present(lease_id) then
        redis.call('SREM', leased_key(lease_id), field)
    end
    return true
end

-- row: {field, value, lease_id or null, expires_us?}. Says whether anything changed.
local function put(row)
    if redis.call('HGET', claims, row.field) == row.value then
        return false
    end
    drop(row.field)
    local names = cjson.decode(row.field)
    redis.call('HSET', claims, row.field, row.value)
    redis.call('SADD', held_key(names[2], names[3]), row.field)
    redis.call('SADD', sockets_key(names[2]), names[3])
    if present(row.expires_us) then
        redis.call('ZADD', expiry, whole(row.expires_us), row.field)
    end
    if present(row.lease_id) then
        redis.call('SADD', leased_key(row.lease_id), row.field)
        redis.call('ZADD', kept, 'NX', whole(watched_us() + order.keep_us), row.lease_id)
    end
    return true
end

-- Removes leases that are past their keeping; claims of one of them at most, and it after them.
local function remove_ended(at_us)
    local ended = redis.call('ZRANGEBYSCORE', kept, '-inf', whole(at_us), 'LIMIT', 0, order.gc_rows)
    for _, lease_id in ipairs(ended) do
        local fields = redis.call('SRANDMEMBER', leased_key(lease_id), order.gc_rows)
        for _, field in ipairs(fields) do
            drop(field)
        end
        if not has_claims(lease_id) then
            redis.call('ZREM', leases, lease_id)
            redis.call('ZREM', kept, lease_id)
        end
        if #fields > 0 then
            return true
        end
    end
    return false
end
