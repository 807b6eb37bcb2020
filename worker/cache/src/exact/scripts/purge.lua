-- Removes a page of a bucket's entries.
--
-- KEYS 1  index of the bucket
-- ARGV 1  what the keys of entries begin with; those removed have the hash tag of KEYS
-- ARGV 2  entries in a page
--
-- Returns {how many were removed, how many names are left}.
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
    redis.call('UNLINK', KEYS[1])
    return {0, 0}
end
local removed = 0
local page = redis.call('ZPOPMIN', KEYS[1], ARGV[2])
for at = 1, #page, 2 do
    removed = removed + redis.call('UNLINK', ARGV[1] .. page[at])
end
return {removed, redis.call('ZCARD', KEYS[1])}
