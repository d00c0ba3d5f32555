-- Counts a call of OpenD, if it fits or has to; or makes its window full. Comes after calls.lua.
--
-- KEYS: calls
-- ARGV: what is to be done (fit, count or fill), call as JSON, now_us, a name for the call
-- Answers nothing, or {calls in the window, heals_at_us} where it does not fit.

local calls, call, now_us, name = KEYS[1], cjson.decode(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

if ARGV[1] == 'fill' then
    fill_calls(calls, call, now_us, name)
    return nil
end
if ARGV[1] == 'fit' then
    local count, heals_at_us = call_exceeded(calls, call, now_us)
    if count then
        return {whole(count), whole(heals_at_us)}
    end
end
take_call(calls, call, now_us, name)
return nil
