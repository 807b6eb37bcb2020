#!lua flags=allow-oom
-- Makes jobs ready that have become due.
--
-- KEYS 1    stream of jobs that come back
-- KEYS 2    sorted set of delayed jobs by due time
-- KEYS 3    hash of delayed jobs
-- ARGV 1    jobs at most
--
-- Returns {now in milliseconds, milliseconds until the next delayed job is due or -1}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local next_due = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
if next_due and tonumber(next_due) <= now then
    local due = redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
    for _, sequence in ipairs(due) do
        local packed = redis.call('HGET', KEYS[3], sequence)
        if packed then
            redis.call('XADD', KEYS[1], '*', unpack(cmsgpack.unpack(packed)))
            redis.call('HDEL', KEYS[3], sequence)
        end
        redis.call('ZREM', KEYS[2], sequence)
    end
    next_due = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
end
return {now, next_due and math.max(0, tonumber(next_due) - now) or -1}
