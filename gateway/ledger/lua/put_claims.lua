-- Writes claims. ARGV[1].rows: as `put` takes them.

local is_changed = false
for _, row in ipairs(order.rows) do
    is_changed = put(row) or is_changed
end
bump_if(is_changed)
return 1
