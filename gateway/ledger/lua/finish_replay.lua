-- Keeps the answer of a request, if its claim is still that of this intent.
--
-- KEYS: replay
-- ARGV: intent_id, status, body

if redis.call('HGET', KEYS[1], 'intent_id') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'body', ARGV[3])
return 1
