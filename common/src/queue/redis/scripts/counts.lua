#!lua flags=allow-oom,no-writes
-- How much is in a shard.
--
-- KEYS 1-4  streams of ready jobs
-- KEYS 5    sorted set of delayed jobs
-- KEYS 6    stream of outcomes
-- KEYS 7    stream of given-up documents
-- KEYS 8    counters
-- ARGV 1    the group
--
-- Returns {ready, delayed, leased, uncollected, given up, taken back so far, handed back so far, lost so far}.
local ready, leased = 0, 0
for lane = 1, 4 do
    local pending = redis.call('XPENDING', KEYS[lane], ARGV[1])[1]
    ready = ready + redis.call('XLEN', KEYS[lane]) - pending
    leased = leased + pending
end
local counters = redis.call('HMGET', KEYS[8], 'reclaimed', 'back:h', 'lost')
local function number(value)
    return tonumber(value or '0')
end
return {
    ready, redis.call('ZCARD', KEYS[5]), leased, redis.call('XLEN', KEYS[6]), redis.call('XLEN', KEYS[7]),
    number(counters[1]), number(counters[2]), number(counters[3]),
}
