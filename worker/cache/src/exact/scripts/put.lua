-- Stores an answer, whatever stood there, and ends the claim on it. A bucket holds so many answers: those that would expire
-- first make room. May be repeated.
--
-- KEYS 1  the entry
-- KEYS 2  index of the bucket: names of units by the moment at which their answers expire, in milliseconds
-- KEYS 3  the claim
-- ARGV 1  the entry's new value: four bytes that say what it is, one of its version, and more
-- ARGV 2  milliseconds until it expires
-- ARGV 3  name of the unit
-- ARGV 4  answers that the bucket may hold
-- ARGV 5  the claim's token; empty: there is none
-- ARGV 6  what the keys of entries begin with; those that make room have the hash tag of KEYS
--
-- Returns 1 stored, 0 left alone: what stands there was written by a newer program, 2 refused: Redis takes no writes now.
local MOST_AT_ONCE = 64
local function finish(code)
    if ARGV[5] ~= '' and redis.pcall('GET', KEYS[3]) == ARGV[5] then
        redis.pcall('DEL', KEYS[3])
    end
    return code
end
local there = redis.pcall('GETRANGE', KEYS[1], 0, 4)
if type(there) == 'string' and #there == 5 and string.sub(there, 1, 4) == string.sub(ARGV[1], 1, 4)
    and string.byte(there, 5) > string.byte(ARGV[1], 5) then
    return finish(0)
end
local set = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if set.err then
    return finish(2)
end
if redis.call('TYPE', KEYS[2]).ok ~= 'zset' then
    redis.call('UNLINK', KEYS[2])
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREM', KEYS[2], ARGV[3])
local over = redis.call('ZCARD', KEYS[2]) + 1 - tonumber(ARGV[4])
if over > 0 then
    local oldest = redis.call('ZPOPMIN', KEYS[2], math.min(over, MOST_AT_ONCE))
    for at = 1, #oldest, 2 do
        redis.call('UNLINK', ARGV[6] .. oldest[at])
    end
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return finish(1)
