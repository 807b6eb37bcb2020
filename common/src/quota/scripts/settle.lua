-- Ends holds: what they had set aside comes back, and what their requests cost is spent. A batch that was taken in
-- already, of which the answer was lost, changes nothing.
--
-- KEYS 1-4, ARGV 1-5  as begin.lua has them
-- ARGV 6  the worker
-- ARGV 7  number of the batch among those of the worker, from 1; 0 only looks, and begins no ledger
-- ARGV 8..  for each hold: its name; money, input tokens, output tokens spent
--
-- Returns {when the ledger was begun (0: there is none), money spent, input tokens spent, output tokens spent, money held,
-- tokens held}.
local field, batch = 'batch:' .. ARGV[6], tonumber(ARGV[7])
if batch > 0 or redis.call('EXISTS', KEYS[1]) == 1 then
    begin()
end
if (tonumber(redis.call('HGET', KEYS[1], field)) or 0) < batch then
    redis.call('HSET', KEYS[1], field, batch)
    for at = 8, #ARGV, 4 do
        local id = ARGV[at]
        local held, lapsed = redis.call('HGET', KEYS[3], id), redis.call('HGET', KEYS[4], id)
        local money, input, output = string.match(held or lapsed or '0 0 0', '(%d+) (%d+) (%d+)')
        if held then
            redis.call('ZREM', KEYS[2], id)
            redis.call('HDEL', KEYS[3], id)
            redis.call('HINCRBY', KEYS[1], 'held_money', 0 - money)
            redis.call('HINCRBY', KEYS[1], 'held_tokens', 0 - input - output)
        elseif lapsed then
            -- All of it has been counted as spent.
            redis.call('HDEL', KEYS[4], id)
            redis.call('HINCRBY', KEYS[1], 'money', 0 - money)
            redis.call('HINCRBY', KEYS[1], 'input', 0 - input)
            redis.call('HINCRBY', KEYS[1], 'output', 0 - output)
        else
            -- It never came, or Redis has lost it; should it still come, it comes too late.
            redis.call('HSET', KEYS[4], id, '0 0 0')
        end
        redis.call('HINCRBY', KEYS[1], 'money', ARGV[at + 1])
        redis.call('HINCRBY', KEYS[1], 'input', ARGV[at + 2])
        redis.call('HINCRBY', KEYS[1], 'output', ARGV[at + 3])
    end
    for at = 1, 4 do
        redis.call('EXPIRE', KEYS[at], ARGV[1])
    end
end
return totals({})
