#!lua flags=allow-oom
-- Makes due jobs ready, then delivers ready jobs to a consumer, lane after lane.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    sorted set of delayed jobs by due time
-- KEYS 6    hash of delayed jobs
-- ARGV 1    the group
-- ARGV 2    the consumer
-- ARGV 3    jobs wanted at most
--
-- Returns {now in milliseconds, milliseconds until the next delayed job is due or -1, entries of lane 1, ..., of lane 4}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most = tonumber(ARGV[3])

local due = redis.call('ZRANGE', KEYS[5], '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
for _, sequence in ipairs(due) do
    local packed = redis.call('HGET', KEYS[6], sequence)
    if packed then
        redis.call('XADD', KEYS[1], '*', unpack(cmsgpack.unpack(packed)))
        redis.call('HDEL', KEYS[6], sequence)
    end
    redis.call('ZREM', KEYS[5], sequence)
end

local answer = {now, -1}
for lane = 1, 4 do
    answer[lane + 2] = {}
    if most > 0 then
        local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', most, 'STREAMS', KEYS[lane], '>')
        if read then
            answer[lane + 2] = read[1][2]
            most = most - #read[1][2]
        end
    end
end
local next_due = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
if next_due[2] then
    answer[2] = math.max(0, tonumber(next_due[2]) - now)
end
return answer
