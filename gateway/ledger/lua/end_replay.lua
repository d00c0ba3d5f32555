-- Keeps the answer of a request, or forgets the claim, if it is the claim of this intent.
--
-- KEYS: replay
-- ARGV: intent_id, and to keep an answer: status, body

if redis.call('HGET', KEYS[1], 'intent_id') ~= ARGV[1] then
    return 0
end
if ARGV[2] then
    redis.call('HSET', KEYS[1], 'status', ARGV[2], 'body', ARGV[3])
else
    redis.call('DEL', KEYS[1])
end
return 1
