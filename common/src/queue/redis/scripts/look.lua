#!lua flags=allow-oom
-- Sees that Redis is there, and tells when it was not: nobody can extend a lease then, so that time counts against no worker.
--
-- What is known stands beside the counters, so that a coordinator that is started anew knows it too.
--
-- KEYS 1    counters: 'seen', the last look, and 'absences', begin and end of each, the oldest first
-- ARGV 1    milliseconds since the last look in which Redis was there for all that the caller knows; 0 when it knows nothing
--
-- Returns {now, begin of an absence, its end, ...} in milliseconds since 1970, the oldest absence first.
local KEPT = 8
local OFTEN = 100
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'format', 'seen', 'absences')
local seen = tonumber(known[2] or '0')
local answer = {now}
for moment in string.gmatch(known[3] or '', '%d+') do
    answer[#answer + 1] = tonumber(moment)
end
if seen > now then
    -- The clock was set back: what stands there means nothing any more.
    seen, answer = 0, {now}
end
if now - seen < OFTEN then
    return answer
end
local away = now - seen > tonumber(ARGV[1])
if away then
    answer[#answer + 1], answer[#answer + 2] = seen, now
    if #answer > 1 + 2 * KEPT then
        -- The two oldest become one, which makes the silence before them longer and takes nobody for dead.
        table.remove(answer, 3)
        table.remove(answer, 3)
    end
end
-- A run that is not there is not made by looking.
if known[1] then
    redis.call('HSET', KEYS[1], 'seen', now)
    if away then
        redis.call('HSET', KEYS[1], 'absences', table.concat(answer, ' ', 2))
    end
end
return answer
