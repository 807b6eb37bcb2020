#!lua flags=allow-oom
-- Makes jobs ready that have become due, and tells which streams are worth reading.
--
-- KEYS 1-4  streams of ready jobs, the first that of jobs that come back
-- KEYS 5    sorted set of delayed jobs by due time
-- KEYS 6    hash of delayed jobs
-- ARGV 1    jobs at most
--
-- Returns {now in milliseconds, milliseconds until the next delayed job is due or -1, length of stream 1, ..., of 4}.
-- Leased jobs count into the lengths.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local next_due = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
if next_due and tonumber(next_due) <= now then
    local due = redis.call('ZRANGE', KEYS[5], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
    for _, sequence in ipairs(due) do
        local packed = redis.call('HGET', KEYS[6], sequence)
        if packed then
            redis.call('XADD', KEYS[1], '*', unpack(cmsgpack.unpack(packed)))
            redis.call('HDEL', KEYS[6], sequence)
        end
        redis.call('ZREM', KEYS[5], sequence)
    end
    next_due = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
end
local answer = {now, next_due and math.max(0, tonumber(next_due) - now) or -1}
for lane = 1, 4 do
    answer[lane + 2] = redis.call('XLEN', KEYS[lane])
end
return answer
