-- Checks every limit of an order and, when all hold, charges them and writes the intent.
--
-- Comes after calls.lua.
--
-- KEYS: clock, trading, rate slots, daily sum, fingerprints, intent, open, created, done, calls
-- ARGV[1]: {now_us, tolerance_us, retention_us, gc_rows, key_id, intent_prefix, dry_run,
--           row, closing?, duplicate?, rate?, daily?, call?}
-- Answers {record = flat row, is_new}, or {check, figure, heals_at_us?}: numbers as decimal text,
-- since cjson writes 14 digits. Times are microseconds, which a double holds exactly; amounts are
-- millionths as text, and calculated as whole units and rest, which it holds exactly too.

local order = cjson.decode(ARGV[1])
local clock, trading, slots, day, fingerprints = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local intent, open, created, done, calls = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]

local function exceeded(check, figure, heals_at_us)
    return cjson.encode({check = check, figure = figure or '0', heals_at_us = heals_at_us and whole(heals_at_us)})
end

local function split(micros)
    local digits = string.rep('0', 7 - #micros) .. micros
    return tonumber(string.sub(digits, 1, -7)), tonumber(string.sub(digits, -6))
end

local function sum(left, right)
    local left_units, left_rest = split(left)
    local right_units, right_rest = split(right)
    local units, rest = left_units + right_units, left_rest + right_rest
    if rest >= 1000000 then
        units, rest = units + 1, rest - 1000000
    end
    return (string.gsub(whole(units) .. string.format('%06d', rest), '^0+(%d)', '%1'))
end

local function is_more(left, right)
    local left_units, left_rest = split(left)
    local right_units, right_rest = split(right)
    return left_units > right_units or (left_units == right_units and left_rest > right_rest)
end

if redis.call('EXISTS', intent) == 1 then
    return cjson.encode({record = redis.call('HGETALL', intent), is_new = false})
end

local latest_us = tonumber(redis.call('GET', clock) or '0')
if latest_us - order.now_us > order.tolerance_us then
    local behind_s = math.floor((latest_us - order.now_us) / 1000000)
    return exceeded('clock', whole(behind_s), latest_us - order.tolerance_us)
end
local at_us = math.max(order.now_us, latest_us)

local is_buy = {BUY = true, SELL = false, SELL_SHORT = false, BUY_BACK = true}
local closing, own = order.closing, order.row

-- What an intent may close of the same position, beside what OpenD listed.
local function quantity_of(intent_id, seen)
    local names = {'environment', 'acc_id', 'symbol', 'side', 'kind', 'quantity', 'order_id', 'state', 'resolution'}
    local values = redis.call('HMGET', order.intent_prefix .. intent_id, unpack(names))
    local each = {}
    for index, name in ipairs(names) do
        each[name] = values[index] or nil
    end
    local is_same = each.environment == own.environment and each.acc_id == own.acc_id
        and each.symbol == own.symbol and is_buy[each.side] == is_buy[own.side]
    local is_listed = each.kind == 'place' and (seen[intent_id] or seen[each.order_id or ''])
    local is_over = each.state == 'rejected' or each.state == 'abandoned'
        or each.state == 'resolved' and each.resolution ~= 'accepted'
    return is_same and not is_listed and not is_over and tonumber(each.quantity) or 0
end

local function exceeds_closable()
    local seen, quantity = {}, tonumber(closing.quantity)
    for _, name in ipairs(closing.seen) do
        seen[name] = true
    end
    for _, intent_id in ipairs(redis.call('ZRANGE', open, 0, -1)) do
        quantity = quantity + quantity_of(intent_id, seen)
    end
    for _, intent_id in ipairs(redis.call('ZRANGEBYSCORE', done, whole(closing.since_us), '+inf')) do
        quantity = quantity + quantity_of(intent_id, seen)
    end
    -- A sum of fractions may end a little above the number that it is.
    return quantity > tonumber(closing.closable) * (1 + 1e-12)
end

local switches = redis.call('HMGET', trading, '', order.key_id)
for _, check in ipairs({'halted', 'reducing'}) do
    local is_set = false
    for index = 1, 2 do
        is_set = is_set or (switches[index] and string.match(switches[index], '^%a+') == check)
    end
    if is_set and (check == 'halted' or not closing or exceeds_closable()) then
        return exceeded(check)
    end
end

local duplicate = order.duplicate
if duplicate and not duplicate.is_meant then
    local seen_us = tonumber(redis.call('ZSCORE', fingerprints, duplicate.fingerprint) or '-inf')
    if seen_us + duplicate.window_us > at_us then
        return exceeded('duplicate', whole(math.floor((at_us - seen_us) / 1000000)), seen_us + duplicate.window_us)
    end
end

local rate = order.rate
if rate then
    local window = '(' .. whole(at_us - rate.window_us)
    local count = redis.call('ZCOUNT', slots, window, '+inf')
    if count >= rate.cap then
        if rate.cap == 0 then
            return exceeded('rate', whole(count))
        end
        local blocking = redis.call(
            'ZRANGEBYSCORE', slots, window, '+inf', 'WITHSCORES', 'LIMIT', count - rate.cap, 1)
        return exceeded('rate', whole(count), tonumber(blocking[2]) + rate.window_us)
    end
end

local daily = order.daily
local day_us, used
if daily then
    local stored = redis.call('HMGET', day, 'day_us', 'used_micros')
    day_us, used = daily.day_start_us, '0'
    if stored[1] and tonumber(stored[1]) >= day_us then
        day_us, used = tonumber(stored[1]), stored[2]
    end
    if daily.micros ~= '0' and is_more(sum(used, daily.micros), daily.cap_micros) then
        local fits_alone = not is_more(daily.micros, daily.cap_micros)
        return exceeded('daily_value', used, fits_alone and daily.day_end_us or nil)
    end
end

local call = order.call
if call then
    local count, heals_at_us = call_exceeded(calls, call, at_us)
    if count then
        return exceeded('frequency', whole(count), heals_at_us)
    end
end

local row = {}
for name, value in pairs(order.row) do
    row[#row + 1] = name
    row[#row + 1] = value
end
if order.dry_run then
    return cjson.encode({record = row, is_new = true})
end

redis.call('SET', clock, whole(at_us))
if duplicate then
    redis.call('ZADD', fingerprints, whole(at_us), duplicate.fingerprint)
    local outdated = redis.call(
        'ZRANGEBYSCORE', fingerprints, '-inf', whole(at_us - duplicate.window_us), 'LIMIT', 0, order.gc_rows)
    if #outdated > 0 then
        redis.call('ZREM', fingerprints, unpack(outdated))
    end
end
if rate then
    redis.call('ZADD', slots, whole(at_us), order.row.intent_id)
    local outdated = redis.call(
        'ZRANGEBYSCORE', slots, '-inf', whole(at_us - rate.window_us), 'LIMIT', 0, order.gc_rows)
    if #outdated > 0 then
        redis.call('ZREM', slots, unpack(outdated))
    end
end
if call then
    take_call(calls, call, at_us, order.row.intent_id)
end
if daily then
    redis.call('HSET', day, 'day_us', whole(day_us), 'used_micros', sum(used, daily.micros))
    local debit = {
        'debit_currency', daily.currency, 'debit_micros', daily.micros,
        'debit_day_us', whole(day_us), 'debit_returned', '0',
    }
    for _, value in ipairs(debit) do
        row[#row + 1] = value
    end
end
redis.call('HSET', intent, unpack(row))
redis.call('ZADD', open, whole(order.now_us), order.row.intent_id)
redis.call('ZADD', created, whole(order.now_us), order.row.intent_id)

local old = redis.call(
    'ZRANGEBYSCORE', done, '-inf', '(' .. whole(order.now_us - order.retention_us), 'LIMIT', 0, order.gc_rows)
for _, intent_id in ipairs(old) do
    redis.call('DEL', order.intent_prefix .. intent_id)
    redis.call('ZREM', created, intent_id)
    redis.call('ZREM', done, intent_id)
end
return cjson.encode({record = row, is_new = true})
