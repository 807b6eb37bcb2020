#!lua flags=allow-oom
-- Sets the worst case of a request aside from a run's budget, if there is room.
--
-- Holds whose holder has been silent until they were due count as spent from then on: their requests may have been sent.
--
-- KEYS 1  totals: money, input, output (spent), held_money, held_tokens; and for each worker its last batch
-- KEYS 2  sorted set of holds by the moment they are due, in milliseconds
-- KEYS 3  hash of what each hold has set aside: 'money input output'
-- KEYS 4  hash of the same for holds that have come to count as spent
-- ARGV 1  seconds that the ledger lives when nobody uses it
-- ARGV 2  milliseconds until the hold is due
-- ARGV 3  the hold's name
-- ARGV 4-6  what is set aside: money, input tokens, output tokens
-- ARGV 7  ceiling in money, -1 for none
-- ARGV 8  ceiling in tokens, -1 for none
-- ARGV 9-11  what was spent before the ledger was begun: money, input tokens, output tokens
--
-- Returns {1 held, 0 there is no room, 2 there may be when others end theirs, money spent, input tokens spent, output tokens
-- spent, money held, tokens held}. A hold that is there already is held; one that was ended before it came gets no room.
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'money', ARGV[9], 'input', ARGV[10], 'output', ARGV[11], 'held_money', 0, 'held_tokens', 0)
end
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

local function totals(code)
    local sums = redis.call('HMGET', KEYS[1], 'money', 'input', 'output', 'held_money', 'held_tokens')
    local answer = {code}
    for at = 1, 5 do
        answer[at + 1] = tonumber(sums[at]) or 0
    end
    return answer
end
local id = ARGV[3]
if redis.call('HEXISTS', KEYS[3], id) == 1 then
    return totals(1)
end
local sums = totals(0)
local money, tokens = tonumber(ARGV[4]), ARGV[5] + ARGV[6]
local most_money, most_tokens = tonumber(ARGV[7]), tonumber(ARGV[8])
local function fits(held_money, held_tokens)
    return (most_money < 0 or sums[2] + held_money + money <= most_money)
        and (most_tokens < 0 or sums[3] + sums[4] + held_tokens + tokens <= most_tokens)
end
if not fits(0, 0) or redis.call('HEXISTS', KEYS[4], id) == 1 then
    return sums
elseif not fits(sums[5], sums[6]) then
    return totals(2)
end
redis.call('HSET', KEYS[3], id, ARGV[4] .. ' ' .. ARGV[5] .. ' ' .. ARGV[6])
redis.call('ZADD', KEYS[2], now + ARGV[2], id)
redis.call('HINCRBY', KEYS[1], 'held_money', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'held_tokens', tokens)
for at = 1, 4 do
    redis.call('EXPIRE', KEYS[at], ARGV[1])
end
return totals(1)
