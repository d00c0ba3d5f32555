-- Drops the claims of these fields, or all of one holder, or all of one key.
--
-- ARGV[1]: {fields} or {key_id, socket_id} or {key_id}
-- Answers how many claims of subscriptions were dropped.

local count, is_changed = 0, false

local function drop_all(fields)
    for _, field in ipairs(fields) do
        if drop(field) then
            is_changed = true
            count = count + (is_subscription(field) and 1 or 0)
        end
    end
end

if order.fields then
    drop_all(order.fields)
else
    local sockets = order.socket_id and {order.socket_id} or redis.call('SMEMBERS', sockets_key(order.key_id))
    for _, socket_id in ipairs(sockets) do
        drop_all(redis.call('SMEMBERS', held_key(order.key_id, socket_id)))
    end
end
bump_if(is_changed)
return count
