-- Says what a bucket holds.
--
-- KEYS 1  index of the bucket
-- ARGV 1  what the keys of entries begin with; those looked at have the hash tag of KEYS
-- ARGV 2  entries whose size is looked at
-- ARGV 3  most bytes that an entry may have
--
-- Returns {entries, how many of them were looked at, bytes that those take with their keys, name of the unit whose answer expires
-- first, its entry}; the last two are empty when there is none.
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
    return {0, 0, 0, '', ''}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entries = redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
local looked, bytes, oldest, frame = 0, 0, '', ''
local members = redis.call('ZRANGE', KEYS[1], '(' .. now, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, member in ipairs(members) do
    local key = ARGV[1] .. member
    local size = redis.call('MEMORY', 'USAGE', key)
    local length = redis.pcall('STRLEN', key)
    if size then
        looked, bytes = looked + 1, bytes + size
        if oldest == '' and type(length) == 'number' and length <= tonumber(ARGV[3]) then
            oldest, frame = member, redis.call('GET', key)
        end
    end
end
return {entries, looked, bytes, oldest, frame}
