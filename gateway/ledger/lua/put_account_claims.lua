-- Replaces the account claims of one holder.
--
-- ARGV[1]: {key_id, socket_id, rows: as `put` takes them}

local is_wanted, is_changed = {}, false
for _, row in ipairs(order.rows) do
    is_wanted[row.field] = true
end
for _, field in ipairs(redis.call('SMEMBERS', held_key(order.key_id, order.socket_id))) do
    if not is_subscription(field) and not is_wanted[field] then
        is_changed = drop(field) or is_changed
    end
end
for _, row in ipairs(order.rows) do
    is_changed = put(row) or is_changed
end
bump_if(is_changed)
return 1
