-- Ends a lease: its claims hold no longer, and are removed, these and those of others, step by step.
--
-- ARGV[1]: {lease_id}

local at_us = watched_us()
local is_changed = is_live(order.lease_id, at_us) and has_claims(order.lease_id)
redis.call('ZADD', leases, 'XX', whole(at_us), order.lease_id)
redis.call('ZADD', kept, 'XX', whole(at_us), order.lease_id)
is_changed = remove_ended(at_us) or is_changed
bump_if(is_changed)
return 1
