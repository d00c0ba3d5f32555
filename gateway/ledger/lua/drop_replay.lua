-- Forgets a claim, if it is that of this intent and nothing was or will be traded under it.
--
-- KEYS: replay, intent
-- ARGV: intent_id, 1 if the intent needs a record, the states and resolutions after which nothing was traded

if redis.call('HGET', KEYS[1], 'intent_id') ~= ARGV[1] then
    return 0
end
local known = redis.call('HMGET', KEYS[2], 'state', 'resolution')
local may_drop = not known[1] and ARGV[2] == '0'
for index = 3, #ARGV do
    may_drop = may_drop or known[1] == ARGV[index] or known[2] == ARGV[index]
end
if may_drop then
    redis.call('DEL', KEYS[1])
end
return may_drop and 1 or 0
