#!lua flags=allow-oom
-- Makes the consumer groups of a run's shard, unless they are there. A run that was to expire after its end is kept.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    counters
-- KEYS 6..  every other key of the shard
-- ARGV 1    the group
-- ARGV 2    1 to make what is missing (the coordinator), 0 only to look (a worker)
--
-- Returns 1 when the shard is there, 0 when it is not.
local there = redis.call('HEXISTS', KEYS[5], 'format')
if ARGV[2] == '0' then
    return there
end
if there == 1 then
    for key = 1, #KEYS do
        redis.call('PERSIST', KEYS[key])
    end
    return 1
end
for lane = 1, 4 do
    local made = redis.pcall('XGROUP', 'CREATE', KEYS[lane], ARGV[1], '0', 'MKSTREAM')
    if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
        return made
    end
end
redis.call('HSET', KEYS[5], 'format', '1')
return 1
