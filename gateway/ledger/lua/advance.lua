-- Moves an intent from the state that the caller saw to another one.
--
-- KEYS: intent, open, done, daily sum
-- ARGV[1]: {intent_id, expected_state, row, updated_us, is_open, returned?: {micros, day_us}}
-- Answers 1, or 0 when the state is another by now and the caller has to look again.

local step = cjson.decode(ARGV[1])
local intent, open, done, day = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

if redis.call('HGET', intent, 'state') ~= step.expected_state then
    return 0
end
local row = {}
for name, value in pairs(step.row) do
    row[#row + 1] = name
    row[#row + 1] = value
end
redis.call('HSET', intent, unpack(row))
if not step.is_open then
    redis.call('ZREM', open, step.intent_id)
    redis.call('ZADD', done, step.updated_us, step.intent_id)
end
-- "-0" is no integer for HINCRBY, and an order that added nothing has nothing to give back.
if step.returned and step.returned.micros ~= '0' and redis.call('HGET', day, 'day_us') == step.returned.day_us then
    redis.call('HINCRBY', day, 'used_micros', '-' .. step.returned.micros)
end
return 1
