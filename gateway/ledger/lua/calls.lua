-- OpenD's frequency limits: which calls count in a window. For scripts that follow this one.
--
-- call: {window_us, tolerance_us, gap_us, cap}

local function whole(number)
    return string.format('%.0f', number)
end

-- When the calls that count were made, the oldest first.
local function calls_taken(calls, call, at_us)
    local counted = redis.call(
        'ZRANGEBYSCORE', calls, '(' .. whole(at_us - call.window_us), whole(at_us + call.tolerance_us), 'WITHSCORES')
    local taken = {}
    for index = 2, #counted, 2 do
        taken[#taken + 1] = tonumber(counted[index])
    end
    return taken
end

-- How many count and when one more may be made, where now is too soon; else nil.
local function call_exceeded(calls, call, at_us)
    local taken = calls_taken(calls, call, at_us)
    if #taken >= call.cap then
        return #taken, taken[#taken - call.cap + 1] + call.window_us
    end
    if #taken > 0 and at_us - taken[#taken] < call.gap_us then
        return #taken, taken[#taken] + call.gap_us
    end
    return nil
end

local function keep_calls(calls, call, at_us)
    redis.call('ZREMRANGEBYSCORE', calls, '-inf', whole(at_us - call.window_us))
    redis.call('PEXPIRE', calls, whole((call.window_us + call.tolerance_us) / 1000))
end

local function take_call(calls, call, at_us, name)
    redis.call('ZADD', calls, whole(at_us), name)
    keep_calls(calls, call, at_us)
end

-- Makes a window full, with calls as old as the oldest one in it.
local function fill_calls(calls, call, at_us, name)
    local taken = calls_taken(calls, call, at_us)
    for number = 1, call.cap - #taken do
        redis.call('ZADD', calls, whole(taken[1] or at_us), name .. ':' .. number)
    end
    keep_calls(calls, call, at_us)
end
