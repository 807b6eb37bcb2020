-- Sets the worst case of a request aside from a run's budget, if there is room.
--
-- Holds whose holder has been silent until they were due count as spent from then on: their requests may have been sent.
--
-- KEYS 1-4, ARGV 1-5  as begin.lua has them
-- ARGV 6  milliseconds until the hold is due
-- ARGV 7  the hold's name
-- ARGV 8-10  what is set aside: money, input tokens, output tokens
-- ARGV 11  ceiling in money, -1 for none
-- ARGV 12  ceiling in tokens, -1 for none
--
-- Returns {1 held, 0 there is no room, 2 there may be when others end theirs, when the ledger was begun, money spent, input
-- tokens spent, output tokens spent, money held, tokens held}. A hold that is there already is held; one that was ended before
-- it came gets no room.
begin()
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)) do
    local amount = redis.call('HGET', KEYS[3], id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    if amount then
        local money, input, output = string.match(amount, '(%d+) (%d+) (%d+)')
        redis.call('HSET', KEYS[4], id, amount)
        redis.call('HINCRBY', KEYS[1], 'held_money', 0 - money)
        redis.call('HINCRBY', KEYS[1], 'held_tokens', 0 - input - output)
        redis.call('HINCRBY', KEYS[1], 'money', money)
        redis.call('HINCRBY', KEYS[1], 'input', input)
        redis.call('HINCRBY', KEYS[1], 'output', output)
    end
end

local id = ARGV[7]
if redis.call('HEXISTS', KEYS[3], id) == 1 then
    return totals({1})
end
local sums = totals({0})
local money, tokens = tonumber(ARGV[8]), ARGV[9] + ARGV[10]
local most_money, most_tokens = tonumber(ARGV[11]), tonumber(ARGV[12])
local function fits(held_money, held_tokens)
    return (most_money < 0 or sums[3] + held_money + money <= most_money)
        and (most_tokens < 0 or sums[4] + sums[5] + held_tokens + tokens <= most_tokens)
end
if not fits(0, 0) or redis.call('HEXISTS', KEYS[4], id) == 1 then
    return sums
elseif not fits(sums[6], sums[7]) then
    return totals({2})
end
redis.call('HSET', KEYS[3], id, ARGV[8] .. ' ' .. ARGV[9] .. ' ' .. ARGV[10])
redis.call('ZADD', KEYS[2], now + ARGV[6], id)
redis.call('HINCRBY', KEYS[1], 'held_money', ARGV[8])
redis.call('HINCRBY', KEYS[1], 'held_tokens', tokens)
for at = 1, 4 do
    redis.call('EXPIRE', KEYS[at], ARGV[1])
end
return totals({1})
