-- Extends the holds of a worker that lives. One that has come to count as spent is a hold again, and one that Redis lost
-- with its last second is put back: neither changes what others may believe of the sum.
--
-- KEYS 1-4, ARGV 1-5  as begin.lua has them
-- ARGV 6  milliseconds until the holds are due
-- ARGV 7..  for each hold: its name, money, input tokens, output tokens set aside
--
-- Returns how many there are.
begin()
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[6]
for at = 7, #ARGV, 4 do
    local id, money, input, output = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if redis.call('HEXISTS', KEYS[3], id) == 0 then
        if redis.call('HDEL', KEYS[4], id) == 1 then
            redis.call('HINCRBY', KEYS[1], 'money', 0 - money)
            redis.call('HINCRBY', KEYS[1], 'input', 0 - input)
            redis.call('HINCRBY', KEYS[1], 'output', 0 - output)
        end
        redis.call('HSET', KEYS[3], id, money .. ' ' .. input .. ' ' .. output)
        redis.call('HINCRBY', KEYS[1], 'held_money', money)
        redis.call('HINCRBY', KEYS[1], 'held_tokens', input + output)
    end
    redis.call('ZADD', KEYS[2], due, id)
end
for at = 1, 4 do
    redis.call('EXPIRE', KEYS[at], ARGV[1])
end
return (#ARGV - 6) / 4
